package dns

import (
	"bytes"
	"testing"
)

func TestAReplyIsSpeltAsTheQuestion(t *testing.T) {
	ask := Ask(7, "www.yard", TypeA)
	b, err := ask.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	asked := bytes.Replace(b, []byte("www\x04yard"), []byte("wWw\x04YarD"), 1)
	name := QuestionName(asked)
	if string(name) != "\x03wWw\x04YarD\x00" {
		t.Fatalf("%q", name)
	}
	r := ask.Reply(NameError)
	reply, err := r.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	Spell(reply, name)
	if got := QuestionName(reply); !bytes.Equal(got, name) {
		t.Errorf("%q", got)
	}
	before := bytes.Clone(reply)
	Spell(reply, []byte("\x03ftp\x04yard\x00"))
	Spell(reply, bytes.Repeat([]byte("x"), 1000))
	Spell(reply[:5], name)
	if !bytes.Equal(reply, before) {
		t.Error("another name is copied")
	}
	for _, b := range [][]byte{nil, asked[:11], asked[:15], append(bytes.Clone(asked[:12]), 0xc0, 12)} {
		if n := QuestionName(b); n != nil {
			t.Errorf("%x has the name %q", b, n)
		}
	}
}

func TestFormatErrors(t *testing.T) {
	var m Message
	b := []byte{0, 7, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0}
	if m.Parse(b) == nil {
		t.Fatal("two questions are one")
	}
	if got, err := m.AppendFormatError(nil); err != nil || !bytes.Equal(got, []byte{0, 7, 0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0}) {
		t.Errorf("%x, %v", got, err)
	}
	if HasHeader(b[:11]) || !HasHeader(b) {
		t.Error("twelve bytes are a header")
	}
}
