package conform

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/dsim/des"
	"example.com/dsim/replay"
)

// records are all records of a trace, to be forged.
func records(t testing.TB, tr *replay.Trace) (list []des.Record) {
	t.Helper()
	for r, err := range tr.Records(0, 1<<62) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, replay.Clone(r))
	}
	return list
}

func write(t testing.TB, tr *replay.Trace, list []des.Record) *replay.Trace {
	t.Helper()
	var b bytes.Buffer
	w, err := replay.NewWriter(&b, tr.Header())
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		w.Record(&list[i])
	}
	s, _ := tr.Summary()
	if err := w.Close(s); err != nil {
		t.Fatal(err)
	}
	return open(t, b.Bytes())
}

// find gives the n-th record that fits.
func find(t testing.TB, list []des.Record, n int, fits func(i int, r *des.Record) bool) int {
	t.Helper()
	for i := range list {
		if fits(i, &list[i]) {
			if n--; n < 0 {
				return i
			}
		}
	}
	t.Fatal("no such record")
	return 0
}

// forgery changes a trace in one place, and says which event is wrong then and
// what is to be said of it.
type forgery struct {
	name string
	do   func(t testing.TB, list []des.Record) (forged []des.Record, wrong des.Key, why string)
}

func is(op des.Op) func(int, *des.Record) bool {
	return func(_ int, r *des.Record) bool { return r.Op == op }
}

// answered fits a frame that a cell answers.
func answered(list []des.Record) func(int, *des.Record) bool {
	return func(i int, r *des.Record) bool {
		return r.Op == des.OpRecv && i+1 < len(list) && list[i+1].Key == r.Key && list[i+1].Cell == r.Cell
	}
}

var forgeries = []forgery{
	{"bytes changed", func(t testing.TB, l []des.Record) ([]des.Record, des.Key, string) {
		i := find(t, l, 5, answered(l))
		l[i].Data[len(l[i].Data)-1] ^= 1
		return l, l[i].Key, "arrives with other bytes than were sent"
	}},
	{"event dropped", func(t testing.TB, l []des.Record) ([]des.Record, des.Key, string) {
		i := find(t, l, 3, is(des.OpTimer))
		k := l[i].Key
		return slices.Delete(l, i, i+1), k, "belongs to nothing that reached the cell"
	}},
	{"event moved in time", func(t testing.TB, l []des.Record) ([]des.Record, des.Key, string) {
		i := find(t, l, 7, answered(l))
		l[i].Key.Time--
		return l, l[i].Key, ""
	}},
	{"event doubled", func(t testing.TB, l []des.Record) ([]des.Record, des.Key, string) {
		i := find(t, l, 6, answered(l))
		return slices.Insert(l, i, l[i]), l[i].Key, ""
	}},
	{"events swapped", func(t testing.TB, l []des.Record) ([]des.Record, des.Key, string) {
		i := find(t, l, 4, answered(l))
		j := i + 1
		for l[j].Key == l[i].Key {
			j++
		}
		k := j + 1
		for l[k].Key == l[j].Key {
			k++
		}
		early := l[j].Key // it stands before what it follows from
		return slices.Concat(l[:i], l[j:k], l[i:j], l[k:]), early, "nobody has sent it"
	}},
	{"effect added", func(t testing.TB, l []des.Record) ([]des.Record, des.Key, string) {
		i := find(t, l, 9, answered(l))
		more := l[i+1]
		more.Op, more.Kind, more.A, more.B, more.Link, more.Text, more.Data = des.OpEmit, "deliver", 1, 2, "", "", nil
		return slices.Insert(l, i+1, more), more.Key, "the protocol does"
	}},
	{"effect removed", func(t testing.TB, l []des.Record) ([]des.Record, des.Key, string) {
		i := find(t, l, 8, is(des.OpArm))
		k := l[i].Key
		return slices.Delete(l, i, i+1), k, "the protocol does"
	}},
	{"emission changed", func(t testing.TB, l []des.Record) ([]des.Record, des.Key, string) {
		i := find(t, l, 8, is(des.OpEmit))
		l[i].A++
		return l, l[i].Key, "the protocol does emit"
	}},
	{"timer early", func(t testing.TB, l []des.Record) ([]des.Record, des.Key, string) {
		i := find(t, l, 2, func(i int, r *des.Record) bool {
			return r.Op == des.OpTimer && r.Key.Time-l[i-1].Key.Time > 10
		})
		k := l[i].Key
		early := k
		early.Time -= 5
		for j := i; j < len(l) && l[j].Key == k; j++ {
			l[j].Key = early
		}
		return l, early, "5ns before it is due"
	}},
	{"arrival nobody sent", func(t testing.TB, l []des.Record) ([]des.Record, des.Key, string) {
		i := find(t, l, 7, answered(l))
		more := replay.Clone(&l[i])
		more.A += 1000
		more.Key.Time--
		more.Key.Seq--
		return slices.Insert(l, i, more), more.Key, "arrives and nobody has sent it"
	}},
	{"timer never fires", func(t testing.TB, l []des.Record) ([]des.Record, des.Key, string) {
		i := find(t, l, 3, is(des.OpTimer))
		k := l[i].Key
		j := i
		for l[j].Key == k {
			j++
		}
		return slices.Delete(l, i, j), des.Key{Time: k.Time, Entity: k.Entity}, "is due and does not fire"
	}},
	{"arrival too soon", func(t testing.TB, l []des.Record) ([]des.Record, des.Key, string) {
		i := find(t, l, 5, answered(l))
		k := l[i].Key
		sent := k
		for j := range i {
			if l[j].Op == des.OpSend && l[j].Link == l[i].Link && l[j].A == l[i].A {
				sent = l[j].Key
			}
		}
		soon := k
		soon.Time = sent.Time + 1
		first := find(t, l, 0, func(_ int, r *des.Record) bool { return r.Key.Time > soon.Time })
		var rest, moved []des.Record
		for j := range l {
			if l[j].Key == k {
				moved = append(moved, l[j])
				moved[len(moved)-1].Key = soon
			} else if j >= first {
				rest = append(rest, l[j])
			}
		}
		return slices.Concat(l[:first], moved, rest), soon, "the link takes"
	}},
	{"verdict that the link is not set to", func(t testing.TB, l []des.Record) ([]des.Record, des.Key, string) {
		i := find(t, l, 9, func(i int, r *des.Record) bool { return r.Op == des.OpSend && r.Link != "" })
		v := des.Record{Key: l[i].Key, Cause: l[i].Cause, Op: des.OpVerdict, Cell: l[i].Cell, Link: l[i].Link, A: l[i].A, Text: "late:3ms"}
		return slices.Insert(l, i+1, v), v.Key, "is not set to"
	}},
	{"answer to nobody", func(t testing.TB, l []des.Record) ([]des.Record, des.Key, string) {
		i := find(t, l, 3, is(des.OpTimer))
		l[i].Cell = "nobody"
		return l, l[i].Key, "no cell of that name"
	}},
}

func TestForgedTracesAreFoundByTheRightEvent(t *testing.T) {
	sources := map[string]func() (*replay.Trace, Options){
		"live":    func() (*replay.Trace, Options) { return live(t, "abp/lossy.yaml", 2, 3*time.Second, "") },
		"virtual": func() (*replay.Trace, Options) { return virtual(t, "abp/lossy.yaml", 2, 3*time.Second) },
	}
	for _, source := range []string{"live", "virtual"} {
		tr, opt := sources[source]()
		wantConform(t, write(t, tr, records(t, tr)), opt)
		for _, f := range forgeries {
			t.Run(source+"/"+f.name, func(t *testing.T) {
				list, wrong, why := f.do(t, records(t, tr))
				res, err := Check(write(t, tr, list), opt)
				if err != nil {
					t.Fatal(err)
				}
				switch v := res.Violation; {
				case v == nil:
					t.Error("nothing is found")
				case v.Key != wrong:
					t.Errorf("found %s, want event %s", v, replay.FormatKey(wrong))
				case !strings.Contains(v.Why, why):
					t.Errorf("found %s, want %q", v, why)
				default:
					t.Log(v)
				}
			})
		}
	}
}
