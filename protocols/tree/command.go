package tree

import (
	"fmt"
	"strconv"
	"strings"

	"example.com/dsim/cells"
)

// Command takes
//
//	transact [TEXT]   begins a transaction
//	send CELL TEXT    sends a packet
//	rtp               sends a token to the leaves and back
//	trees             what the cell knows of each tree, a line each
//	stats             what AppendState shows of numbers, in one line
func (c *cell) Command(e cells.Env, args []string) (string, error) {
	if len(args) == 0 {
		return "", unknownCommand("")
	}
	text := strings.Join(args[1:], " ")
	switch args[0] {
	case "transact":
		if len(text) > payloadMax {
			return "", fmt.Errorf("transact: a text of at most %d bytes is possible", payloadMax)
		}
		n, err := c.transact(e, []byte(text))
		if err != nil {
			return "", err
		}
		return "transaction " + strconv.FormatUint(n, 10), nil
	case "send":
		if len(args) < 3 {
			return "", fmt.Errorf("send: want a cell and a text")
		}
		if err := c.sendData(e, args[1], strings.Join(args[2:], " ")); err != nil {
			return "", err
		}
		return "sent", nil
	case "rtp":
		if err := c.sendToken(e); err != nil {
			return "", err
		}
		return "token " + strconv.FormatUint(c.token.number, 10), nil
	case "trees":
		return lines(c, "tree."), nil
	case "stats":
		return stats(c), nil
	}
	return "", unknownCommand(args[0])
}

func unknownCommand(word string) error {
	return fmt.Errorf("unknown command %q: want transact, send, rtp, trees or stats", word)
}

// lines shows the attributes with a prefix, a line each.
func lines(p cells.Inspector, prefix string) string {
	var all []string
	for _, a := range p.AppendState(nil) {
		if name, ok := strings.CutPrefix(a.Name, prefix); ok {
			all = append(all, name+": "+a.Text)
		}
	}
	return strings.Join(all, "\n")
}

// stats shows the attributes that are no words, in one line.
func stats(p cells.Inspector) string {
	var all []string
	for _, a := range p.AppendState(nil) {
		if a.Is != cells.IsText {
			all = append(all, a.Name+"="+strconv.FormatInt(a.Int, 10))
		}
	}
	return strings.Join(all, " ")
}
