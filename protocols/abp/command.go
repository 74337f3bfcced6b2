package abp

import (
	"fmt"
	"strconv"
	"strings"

	"example.com/dsim/cells"
	"example.com/dsim/des/suggest"
)

// TextsMax is how many messages given by command may wait.
const TextsMax = 1024

var commands = []string{"send", "stats"}

// Command takes
//
//	send N       N more messages of the cell's own
//	send TEXT    a message with this text, before those of the cell's own
//	stats        what AppendState shows, in one line
func (p *cell) Command(e cells.Env, args []string) (string, error) {
	if len(args) == 0 {
		return "", fmt.Errorf("no command: want %s", strings.Join(commands, " or "))
	}
	switch args[0] {
	case "send":
		return p.commandSend(e, args[1:])
	case "stats":
		return p.stats(), nil
	}
	return "", unknownCommand(args[0])
}

func (p *cell) commandSend(e cells.Env, args []string) (string, error) {
	text := strings.Join(args, " ")
	switch {
	case !p.sends:
		return "", fmt.Errorf("send: this cell is a receiver")
	case text == "":
		return "", fmt.Errorf("send: want a text, or how many messages")
	}
	if n, err := strconv.ParseUint(text, 10, 63); err == nil {
		if p.Left+n > 1<<62 {
			return "", fmt.Errorf("send %d: too many messages wait", n)
		}
		p.Left += n
		p.maybeAccept(e)
		return fmt.Sprintf("%d messages more", n), nil
	}
	if size := int64(SizeMin + len(text)); size > p.limit {
		return "", fmt.Errorf("send: a message of %d bytes, at most %d are possible", size, p.limit)
	}
	if len(p.Texts) >= TextsMax {
		return "", fmt.Errorf("send: %d messages wait already", TextsMax)
	}
	p.Texts = append(p.Texts, []byte(text))
	p.maybeAccept(e)
	return "taken", nil
}

func (p *cell) stats() string {
	var words []string
	for _, a := range p.AppendState(nil) {
		switch a.Is {
		case cells.IsText:
			words = append(words, a.Name+"="+a.Text)
		case cells.IsBool:
			words = append(words, a.Name+"="+strconv.FormatBool(a.Int != 0))
		default:
			words = append(words, a.Name+"="+strconv.FormatInt(a.Int, 10))
		}
	}
	return strings.Join(words, " ")
}

func unknownCommand(word string) error {
	meant := ""
	if c, ok := suggest.Nearest(word, commands); ok {
		meant = fmt.Sprintf("; did you mean %s?", c)
	}
	return fmt.Errorf("unknown command %q: want %s%s", word, strings.Join(commands, " or "), meant)
}
