package celltest

import (
	"strconv"
	"strings"
	"testing"

	"example.com/dsim/cells"
)

// TestStreams holds the streams of a site to what all sites must do; make
// gives an empty one each time.
func TestStreams(t *testing.T, make func(t testing.TB) Site) {
	for _, c := range []struct {
		name string
		test func(*site)
	}{
		{"BytesArriveInOrder", bytesArriveInOrder},
		{"HalfClose", halfClose},
		{"CloseSendsWhatWasAccepted", closeSendsAccepted},
		{"Refused", refused},
		{"Unreachable", unreachable},
		{"AddressInUse", addressInUse},
		{"OverflowIsALaterEvent", overflowIsLater},
		{"QueuedFallsByCreditsAndDrainedComesOnce", queuedFalls},
		{"NothingAfterClose", nothingAfterClose},
		{"OneDownWhenTheLinkGoes", oneDownWhenTheLinkGoes},
		{"OneDownWhenThePeerCrashes", oneDownWhenThePeerCrashes},
		{"AClosedListenerRefuses", closedListener},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(&site{Site: make(t), t: t}) })
	}
}

// call makes a connection from alice to bob, and gives its ports there.
func (s *site) call(params ...cells.Param) (dialled, accepted string) {
	s.t.Helper()
	s.apply(cell("alice"), cell("bob"), stream(params...))
	listener := s.command("bob", "listen", "svc")
	dialled = s.command("alice", "dial", "bob:svc")
	s.until("connected", func() bool { return s.saw("alice", "up "+dialled+" to bob:svc") })
	accepted = strconv.Itoa(atoi(listener) + 1)
	s.until("accepted", func() bool { return s.saw("bob", "up "+accepted+" at "+listener+" from alice") })
	return dialled, accepted
}

// downs counts the Downs a probe was told of for a port.
func (s *site) downs(id cells.ID, port string) (n int, last string) {
	for _, l := range s.log(id) {
		if strings.HasPrefix(l, "down "+port+" ") {
			n++
			last = strings.TrimPrefix(l, "down "+port+" ")
		}
	}
	return n, last
}

// wantDown waits for a Down, and checks that it stays the only one.
func (s *site) wantDown(why string, id cells.ID, port, err string) {
	s.t.Helper()
	s.until(why, func() bool { n, _ := s.downs(id, port); return n > 0 })
	s.rest()
	if n, last := s.downs(id, port); n != 1 || last != err {
		s.t.Errorf("%s: %s was told %d times, last %q; want once %q", why, id, n, last, err)
	}
}

func (s *site) wantText(why string, id cells.ID, port, text string) {
	s.t.Helper()
	s.until(why, func() bool { return len(s.command(id, "text", port)) >= len(text) })
	if got := s.command(id, "text", port); got != text {
		s.t.Errorf("%s: %s got %q, want %q", why, id, got, text)
	}
}

func bytesArriveInOrder(s *site) {
	a, b := s.call()
	const n = 50_000 // below the bound
	s.command("alice", "flood", a, strconv.Itoa(n), "1700")
	s.command("bob", "flood", b, strconv.Itoa(n), "31")
	s.until("all arrives", func() bool {
		return s.command("bob", "pattern", b) == strconv.Itoa(n) && s.command("alice", "pattern", a) == strconv.Itoa(n)
	})
}

func halfClose(s *site) {
	a, b := s.call()
	s.command("alice", "send", a, "request")
	s.command("alice", "closewrite", a)
	s.command("alice", "send", a, " too late")
	s.wantDown("the peer sends no more", "bob", b, eof)
	s.wantText("behind all bytes", "bob", b, "request")
	if got := s.command("bob", "info", b); got != "eof" {
		s.t.Errorf("after the peer's end the port is %s", got)
	}
	s.command("bob", "send", b, "answer")
	s.wantText("the other half stays open", "alice", a, "answer")
	s.command("bob", "close", b)
	s.wantDown("and ends for itself", "alice", a, eof)
}

func closeSendsAccepted(s *site) {
	a, b := s.call()
	s.command("alice", "flood", a, "40000", "40000")
	s.command("alice", "close", a)
	s.wantDown("the peer sends no more", "bob", b, eof)
	if got := s.command("bob", "pattern", b); got != "40000" {
		s.t.Errorf("before the end came %s", got)
	}
}

func refused(s *site) {
	s.apply(cell("alice"), cell("bob"), stream())
	p := s.command("alice", "dial", "bob:nobody")
	s.wantDown("nobody listens", "alice", p, cells.ErrRefused.Error())
	s.apply(setCell("bob", cells.SetRun, "crash"))
	p = s.command("alice", "dial", "bob:svc")
	s.wantDown("nobody is there", "alice", p, cells.ErrRefused.Error())
}

func unreachable(s *site) {
	s.apply(cell("alice"), cell("bob"), cell("carol"), stream())
	for _, addr := range []string{"carol:svc", "dave:svc", "bob", ""} {
		p := s.command("alice", "dial", addr)
		s.wantDown("no stream link leads there", "alice", p, cells.ErrUnreachable.Error())
	}
}

func addressInUse(s *site) {
	s.apply(cell("alice"), cell("bob"), stream())
	first := s.command("bob", "listen", "svc")
	second := s.command("bob", "listen", "svc")
	s.wantDown("the address has a listener", "bob", second, cells.ErrInUse.Error())
	p := s.command("alice", "dial", "bob:svc")
	s.until("the first listens on", func() bool { return s.saw("alice", "up "+p+" to bob:svc") })
	s.command("bob", "close", first)
	third := s.command("bob", "listen", "svc")
	s.rest()
	if n, _ := s.downs("bob", third); n != 0 {
		s.t.Error("the address of a closed listener is in use")
	}
}

func overflowIsLater(s *site) {
	a, b := s.call(cells.Param{Name: "bound", Value: "1000B"})
	s.command("alice", "flood", a, "1600", "400")
	s.wantDown("over the bound", "alice", a, cells.ErrOverflow.Error())
	s.wantDown("the peer is told too", "bob", b, cells.ErrReset.Error())
	log := strings.Join(s.log("alice"), "\n")
	handler := "flooded " + a + ", 800 queued, down"
	if i, j := strings.Index(log, handler), strings.Index(log, "down "+a); i < 0 || j < i {
		s.t.Errorf("two pieces are taken, then nothing; Down comes after the handler, not as in\n%s", log)
	}
	got := s.command("bob", "pattern", b)
	if n, err := strconv.Atoi(got); err != nil || n > 800 {
		s.t.Errorf("what arrived is no prefix of what was accepted: %s", got)
	}
}

func queuedFalls(s *site) {
	a, b := s.call(cells.Param{Name: "bound", Value: "10000B"})
	queued := func() int { return atoi(s.command("alice", "queued", a)) }
	s.command("alice", "flood", a, "10000", "1000")
	if !s.saw("alice", "flooded "+a+", 10000 queued, up") {
		s.t.Errorf("what a handler has sent counts at once: %v", s.log("alice"))
	}
	s.until("credits come", func() bool { return queued() <= 2500 })
	s.rest()
	if got := s.command("bob", "pattern", b); got != "10000" {
		s.t.Errorf("bob got %s", got)
	}
	drained := 0
	for _, l := range s.log("alice") {
		if l == "drained "+a {
			drained++
		}
	}
	if drained != 1 {
		s.t.Errorf("drained %d times after one flood", drained)
	}
	s.command("alice", "flood", a, "2400", "1000") // not over half
	s.rest()
	if got := s.command("alice", "log"); strings.Count(got, "drained") != 1 {
		s.t.Errorf("drained without having been over half:\n%s", got)
	}
}

func nothingAfterClose(s *site) {
	a, b := s.call()
	s.command("bob", "flood", b, "5000", "100")
	s.command("alice", "close", a)
	before := len(s.log("alice"))
	s.command("bob", "send", b, "more")
	s.command("bob", "close", b)
	s.rest()
	if got := s.log("alice"); len(got) != before {
		s.t.Errorf("after Close came %v", got[before:])
	}
	if got := s.command("alice", "info", a); got != "down" {
		s.t.Errorf("a closed port is %s", got)
	}
}

func oneDownWhenTheLinkGoes(s *site) {
	a, b := s.call()
	s.apply(removeLink("ab"))
	s.wantDown("the link is gone", "alice", a, cells.ErrRemoved.Error())
	s.wantDown("at both ends", "bob", b, cells.ErrRemoved.Error())
	p := s.command("alice", "dial", "bob:svc")
	s.wantDown("nothing leads there now", "alice", p, cells.ErrUnreachable.Error())
}

func oneDownWhenThePeerCrashes(s *site) {
	a, _ := s.call()
	s.apply(setCell("bob", cells.SetRun, "crash"))
	s.wantDown("the peer is gone", "alice", a, cells.ErrReset.Error())
	s.apply(setCell("bob", cells.SetRun, "restart"))
	p := s.command("alice", "dial", "bob:svc")
	s.wantDown("listeners do not survive", "alice", p, cells.ErrRefused.Error())
}

func closedListener(s *site) {
	a, b := s.call()
	s.command("bob", "close", strconv.Itoa(atoi(b)-1))
	p := s.command("alice", "dial", "bob:svc")
	s.wantDown("nobody listens any more", "alice", p, cells.ErrRefused.Error())
	s.command("alice", "send", a, "still")
	s.wantText("connections stay", "bob", b, "still")
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
