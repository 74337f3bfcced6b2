package scenarios

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// leaf is a value of the text that Encode writes: plain text, a map in its
// order, or a list.
type leaf struct {
	text  string
	pairs []leafPair
	items []leaf
	kind  byte // 0 text, 'm' map, 'l' list
}

type leafPair struct {
	key   string
	value leaf
}

func textLeaf(s string) leaf { return leaf{text: s} }

func mapLeaf(pairs ...leafPair) leaf { return leaf{kind: 'm', pairs: pairs} }

func listLeaf(items ...leaf) leaf { return leaf{kind: 'l', items: items} }

// wordsLeaf is one word, or a list of them.
func wordsLeaf(words []string) leaf {
	if len(words) == 1 {
		return textLeaf(words[0])
	}
	l := leaf{kind: 'l'}
	for _, w := range words {
		l.items = append(l.items, textLeaf(w))
	}
	return l
}

func (l *leaf) put(key string, v leaf) { l.pairs = append(l.pairs, leafPair{key, v}) }

func (l *leaf) putText(key, text string) { l.put(key, textLeaf(text)) }

// lineMax is how long a line may become before its value is written over
// several.
const lineMax = 110

// plainRule is what may stand without quotes anywhere, so also within { }.
var plainRule = regexp.MustCompile(`^[A-Za-z0-9_./+µ-]([A-Za-z0-9_./+<>=!()*;%:µ -]*[A-Za-z0-9_./+<>=!()*;%-])?$`)

// quoted is a text as YAML has it: as it is where that reads back as itself,
// else in quotes.
func quoted(s string) string {
	switch {
	case s == "" || s == "null" || s == "-" || strings.HasPrefix(s, "- ") || strings.HasPrefix(s, "---") || strings.HasPrefix(s, "..."):
	case strings.Contains(s, ": ") || strings.Contains(s, "  ") || strings.HasSuffix(s, ":"):
	case plainRule.MatchString(s):
		return s
	}
	if strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) && r != ' ' }) {
		return strconv.Quote(s)
	}
	if strings.ContainsAny(s, `"\`) {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return `"` + s + `"`
}

// flow writes the value on one line.
func (l *leaf) flow(b *strings.Builder) {
	switch l.kind {
	case 'm':
		b.WriteByte('{')
		for i := range l.pairs {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(quoted(l.pairs[i].key))
			b.WriteString(": ")
			l.pairs[i].value.flow(b)
		}
		b.WriteByte('}')
	case 'l':
		b.WriteByte('[')
		for i := range l.items {
			if i > 0 {
				b.WriteString(", ")
			}
			l.items[i].flow(b)
		}
		b.WriteByte(']')
	default:
		b.WriteString(quoted(l.text))
	}
}

// inline is the value on one line.
func (l *leaf) inline() string {
	var b strings.Builder
	l.flow(&b)
	return b.String()
}

// lines writes a map or list over lines, each of its values on one if it fits
// there.
func (l *leaf) lines(b *strings.Builder, indent string) {
	for i := range l.pairs {
		l.pairs[i].value.behind(b, indent, quoted(l.pairs[i].key)+":")
	}
	for i := range l.items {
		l.items[i].behind(b, indent, "-")
	}
}

func (l *leaf) behind(b *strings.Builder, indent, head string) {
	line := indent + head + " " + l.inline()
	if l.kind == 0 || len(l.pairs) == 0 && len(l.items) == 0 || len(line) <= lineMax {
		b.WriteString(line + "\n")
		return
	}
	b.WriteString(indent + head)
	if head == "-" && l.kind == 'm' { // its first key stands behind the dash
		var sub strings.Builder
		l.lines(&sub, indent+"  ")
		b.WriteString(" " + strings.TrimPrefix(sub.String(), indent+"  "))
		return
	}
	b.WriteByte('\n')
	l.lines(b, indent+"  ")
}
