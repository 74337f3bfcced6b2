package replay

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"example.com/dsim/des"
)

// series is one number of one place, in both runs: the value of a field in the
// records of one shape, from the first differing one on.
type series struct {
	where  string
	xs, ys []int64
	fx, fy []float64 // the same as floats, if it may be one
	width  int       // bytes of a payload; 0 for a value of its own
	span   bool      // a deadline, relative to its event's time
	virt   int64     // the time of the first record
}

// seriesMax bounds how many values of one place are looked at.
const seriesMax = 256

// text is the words of a record in which numbers are looked for: its own, or a
// payload that is made of words.
func text(r *des.Record) string {
	if r.Text == "" && utf8.Valid(r.Data) && bytes.IndexFunc(r.Data, func(c rune) bool { return c < ' ' && c != '\n' && c != '\t' && c != '\r' }) < 0 {
		return string(r.Data)
	}
	return r.Text
}

var number = regexp.MustCompile(`-?\d+(\.\d+)?([eE][-+]?\d+)?`)

// findNumbers gives the places in which the first pair differs.
func (s *scene) findNumbers() []series {
	a, b, ok := s.pair()
	if !ok || a.Kind != b.Kind || a.Port != b.Port {
		return nil
	}
	la, lb := s.places(a)
	n := min(len(la), len(lb))
	la, lb = la[:n], lb[:n]
	make1 := func(where string, get func(*des.Record) (int64, float64, bool)) series {
		x := series{where: where, virt: int64(a.Key.Time)}
		for i := range n {
			v, f, ok1 := get(la[i])
			w, g, ok2 := get(lb[i])
			if ok1 && ok2 {
				x.xs, x.ys, x.fx, x.fy = append(x.xs, v), append(x.ys, w), append(x.fx, f), append(x.fy, g)
			}
		}
		return x
	}
	var out []series
	if a.A != b.A {
		out = append(out, make1("value a", func(r *des.Record) (int64, float64, bool) { return r.A, math.Float64frombits(uint64(r.A)), true }))
	}
	if a.B != b.B {
		x := make1("value b", func(r *des.Record) (int64, float64, bool) {
			return r.B - deadline(r.Op, r.Key.Time), math.Float64frombits(uint64(r.B)), true
		})
		if x.span = a.Op == des.OpArm || a.Op == des.OpTimer; x.span {
			x.where = "the deadline"
		}
		out = append(out, x)
	}
	if ta, tb := text(a), text(b); ta != tb {
		out = append(out, textSeries(ta, tb, make1)...)
	}
	if !bytes.Equal(a.Data, b.Data) {
		out = append(out, dataSeries(a.Data, b.Data, make1)...)
	}
	return out
}

// places are the records at the place of the first differing one, on both
// sides: in each event the n-th of its shape, if it is the n-th of its own.
func (s *scene) places(first *des.Record) (la, lb []*des.Record) {
	want := shape(first)
	nth := 0
	if len(s.event) > 0 && s.event[0].Key == first.Key {
		nth = count(s.event, shape, want)
	}
	take := func(list []des.Record) (out []*des.Record) {
		out = append(out, &list[0])
		key, n := list[0].Key, nth
		for i := range list[1:] {
			r := &list[i+1]
			if r.Key != key {
				key, n = r.Key, -1
			}
			if shape(r) != want {
				continue
			}
			if n++; n == nth && r.Key != first.Key && len(out) < seriesMax {
				out = append(out, r)
			}
		}
		return out
	}
	return take(s.a), take(s.b)
}

type maker func(string, func(*des.Record) (int64, float64, bool)) series

// textSeries are the numbers that differ in words that are the same but for
// numbers.
func textSeries(a, b string, make1 maker) []series {
	na, nb := number.FindAllString(a, 64), number.FindAllString(b, 64)
	if len(na) != len(nb) || number.ReplaceAllString(a, "#") != number.ReplaceAllString(b, "#") {
		return nil
	}
	var out []series
	for i := range na {
		if na[i] == nb[i] {
			continue
		}
		out = append(out, make1("a number in the text", func(r *des.Record) (int64, float64, bool) {
			l := number.FindAllString(text(r), 64)
			if i >= len(l) {
				return 0, 0, false
			}
			f, err := strconv.ParseFloat(l[i], 64)
			if err != nil {
				return 0, 0, false
			}
			n, err := strconv.ParseInt(l[i], 10, 64)
			if err != nil {
				n = int64(min(max(f, -1<<62), 1<<62))
			}
			return n, f, true
		}))
	}
	return out
}

// region is where two payloads of one length differ: from the first to behind
// the last byte.
func region(a, b []byte) (from, to int, ok bool) {
	if len(a) != len(b) {
		return 0, 0, false
	}
	for from < len(a) && a[from] == b[from] {
		from++
	}
	to = len(a)
	for to > from && a[to-1] == b[to-1] {
		to--
	}
	return from, to, from < to
}

// dataSeries are all numbers of 8, 4, 2 and 1 bytes of which the first
// differing byte is a part.
func dataSeries(a, b []byte, make1 maker) []series {
	from, to, ok := region(a, b)
	if !ok {
		return nil
	}
	var out []series
	for _, width := range []int{8, 4, 2, 1} {
		for at := max(0, from-width+1); at <= from && at+width <= len(a); at++ {
			for _, big := range []bool{true, false} {
				if width == 1 && big || to-from <= width && at+width < to {
					continue
				}
				x := make1(fmt.Sprintf("%d bytes at %d of the payload", width, at), func(r *des.Record) (int64, float64, bool) {
					if at+width > len(r.Data) {
						return 0, 0, false
					}
					return load(r.Data[at:at+width], big)
				})
				x.width = width
				out = append(out, x)
			}
		}
	}
	return out
}

func load(p []byte, big bool) (int64, float64, bool) {
	var w [8]byte
	if big {
		copy(w[8-len(p):], p)
	} else {
		for i, c := range p {
			w[7-i] = c
		}
	}
	v := binary.BigEndian.Uint64(w[:])
	f := math.NaN()
	switch len(p) {
	case 8:
		f = math.Float64frombits(v)
	case 4:
		f = float64(math.Float32frombits(uint32(v)))
	}
	return int64(v), f, true
}

// wallUnit tells in which unit a number is a time of day of 2017 to 2049,
// empty if in none, and how many make a month.
func wallUnit(v int64) (string, int64) {
	const month = 30 * 24 * 3600
	for _, u := range []struct {
		name string
		per  int64
	}{{"nanoseconds", 1e9}, {"microseconds", 1e6}, {"milliseconds", 1e3}, {"seconds", 1}} {
		if s := v / u.per; s >= 1_500_000_000 && s < 2_500_000_000 {
			return u.name, month * u.per
		}
	}
	return "", 0
}

// tells reports whether all values are times of day in a unit, and none goes
// back.
func (n *series) tells(unit string) bool {
	for _, l := range [][]int64{n.xs, n.ys} {
		for i, v := range l {
			if u, _ := wallUnit(v); u != unit || i > 0 && v < l[i-1] {
				return false
			}
		}
	}
	return true
}

var timeOfDay = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d\d:\d\d:\d\d|(Mon|Tue|Wed|Thu|Fri|Sat|Sun),? .*\d{4}`)

func looksLikeWall(s *scene) string {
	for _, n := range s.numbers {
		if n.span || n.width != 0 && n.width < 4 || len(n.xs) == 0 {
			continue
		}
		x, y := n.xs[0], n.ys[0]
		unit, month := wallUnit(x)
		other, _ := wallUnit(y)
		if unit == "" || unit != other || abs(x-y) > month || n.width == 4 && unit != "seconds" {
			continue
		}
		// Four bytes are soon something else: letters, for one.
		if n.width == 4 && (len(n.xs) < 3 || abs(x-y) > 24*3600) || !n.tells(unit) {
			continue
		}
		// Short units of virtual time look like long ones of the time of day.
		if unit != "nanoseconds" && n.width != 4 && abs(x-n.virt) < 1_000_000_000 {
			continue
		}
		return fmt.Sprintf("%s is %d and %d: %s since 1970", n.where, x, y, unit)
	}
	if a, b, ok := s.pair(); ok {
		if ta, tb := text(a), text(b); ta != tb && timeOfDay.MatchString(ta) && timeOfDay.MatchString(tb) {
			return fmt.Sprintf("the text has a time of day: %.60q and %.60q", ta, tb)
		}
	}
	return ""
}

var pointer = regexp.MustCompile(`0x[0-9a-f]{6,16}`)

func looksLikePointer(s *scene) string {
	heap := func(v int64) bool { return v >= 0xc000000000 && v < 0xc100000000 }
	for _, n := range s.numbers {
		if len(n.xs) > 0 && (n.width == 8 || n.width == 0) && heap(n.xs[0]) && heap(n.ys[0]) {
			return fmt.Sprintf("%s is %#x and %#x: addresses in Go's heap", n.where, n.xs[0], n.ys[0])
		}
	}
	if a, b, ok := s.pair(); ok {
		pa, pb := pointer.FindString(text(a)), pointer.FindString(text(b))
		if pa != "" && pb != "" && pa != pb {
			return fmt.Sprintf("the text has addresses: %s and %s", pa, pb)
		}
	}
	return ""
}

func permutedContent(s *scene) string {
	a, b, ok := s.pair()
	if !ok {
		return ""
	}
	if ta, tb := text(a), text(b); ta != tb && ta != "" {
		cut := func(c rune) bool { return strings.ContainsRune(" ,;:|/[]{}()\n\t", c) }
		if fa, fb := strings.FieldsFunc(ta, cut), strings.FieldsFunc(tb, cut); len(fa) > 1 && sameMultiset(fa, fb) {
			return fmt.Sprintf("the text has the same words in another order: %.60q and %.60q", ta, tb)
		}
	}
	from, to, ok := region(a.Data, b.Data)
	if !ok || to-from < 2 {
		return ""
	}
	x, y := slices.Clone(a.Data[from:to]), slices.Clone(b.Data[from:to])
	slices.Sort(x)
	slices.Sort(y)
	distinct := len(slices.Compact(slices.Clone(x)))
	if bytes.Equal(x, y) && distinct > 1 {
		return fmt.Sprintf("bytes %d..%d of the payload are the same, in another order", from, to-1)
	}
	return ""
}

// near reports whether two floats differ by rounding.
func near(x, y float64) bool {
	if math.IsNaN(x) || math.IsNaN(y) || math.IsInf(x, 0) || math.IsInf(y, 0) || x == y {
		return false
	}
	big := math.Max(math.Abs(x), math.Abs(y))
	return big > 1e-12 && big < 1e15 && math.Abs(x-y) <= big*1e-9
}

func offByRounding(s *scene) string {
	for _, n := range s.numbers {
		if len(n.xs) == 0 {
			continue
		}
		x, y := n.xs[0], n.ys[0]
		if n.width == 0 && abs(x-y) <= 4 && min(abs(x), abs(y)) >= 1_000_000 {
			return fmt.Sprintf("%s is %d and %d: off by rounding", n.where, x, y)
		}
		fx, fy := n.fx[0], n.fy[0]
		if n.where == "a number in the text" && float64(x) == fx && float64(y) == fy {
			continue // whole numbers are no floats
		}
		if n.width == 0 && near(fx, fy) || n.width > 0 && n.nearBits() {
			return fmt.Sprintf("%s is %v and %v: off by rounding", n.where, fx, fy)
		}
	}
	if a, _, aInB, _ := s.met(); a != nil && aInB != nil {
		if d := abs(int64(a.Key.Time - aInB.Key.Time)); d > 0 && d <= 4 {
			return fmt.Sprintf("an event is at %s and at %s: off by rounding", a.Key.Time, aInB.Key.Time)
		}
	}
	return ""
}

// nearBits reports whether bytes of a payload may be floats that differ by
// rounding. Most bytes are none, so the value must be a common one, and its
// mantissa full, as that of a sum or a product is.
func (n *series) nearBits() bool {
	fx, fy, x, y := n.fx[0], n.fy[0], n.xs[0], n.ys[0]
	if m := math.Abs(fx); !(m > 1e-6 && m < 1e9) {
		return false
	}
	switch n.width {
	case 8:
		zeros := 0
		for i := range 6 {
			if byte(x>>(8*i)) == 0 {
				zeros++
			}
		}
		return near(fx, fy) && zeros < 2
	case 4:
		return abs(x-y) <= 4 && !math.IsNaN(fy) && byte(x) != 0 && byte(x>>8) != 0
	}
	return false
}

func floatOnOtherMachine(s *scene) string {
	for _, h := range s.headers {
		if h.Field == "build" && platform(h.A) != platform(h.B) {
			if e := offByRounding(s); e != "" {
				return e + ", and the platforms differ: " + platform(h.A) + " and " + platform(h.B)
			}
		}
	}
	return ""
}

var platforms = regexp.MustCompile(`\b(linux|darwin|windows|freebsd|js|wasip1)[/-]\w+`)

func platform(build string) string { return platforms.FindString(build) }

// pairs are the distinct pairs of values, and whether all differ by the same.
func (n *series) pairs() (distinct int, offset int64, same bool) {
	seen := map[[2]int64]bool{}
	same = true
	for i := range n.xs {
		p := [2]int64{n.xs[i], n.ys[i]}
		if seen[p] {
			continue
		}
		seen[p] = true
		if len(seen) == 1 {
			offset = p[1] - p[0]
		} else if p[1]-p[0] != offset {
			same = false
		}
	}
	return len(seen), offset, same && offset != 0
}

func constantOffset(s *scene) string {
	best := ""
	var least int64 = math.MaxInt64
	for _, n := range s.numbers {
		distinct, offset, same := n.pairs()
		need := 3
		if n.width == 0 || n.width >= 4 && len(n.xs) < 3 {
			need = 2
		}
		if n.span || !same || distinct < need || abs(offset) >= least {
			continue
		}
		least = abs(offset)
		best = fmt.Sprintf("%s is off by %d in all %d records that have it, as if one run went on where another had ended", n.where, offset, len(n.xs))
	}
	return best
}

// runNumber: one value a run, and one run's is twice the other's, as of a count
// that both add to, or one more, as of a count of runs. Of two runs one after
// the other, the second may be some more ahead.
func runNumber(s *scene) string {
	for _, n := range s.numbers {
		if len(n.xs) == 0 || n.width != 0 {
			continue
		}
		if x, y := n.xs[0], n.ys[0]; s.together && !n.span && 0 < x && x < y && y-x < 64 && y < 1<<16 && n.apart() == 1 {
			return fmt.Sprintf("%s is %d in one run and %d in the next, as a count that outlives a run", n.where, x, y)
		}
		distinct, _, _ := n.pairs()
		if n.span {
			if distinct == 1 && len(n.xs) > 2 {
				return fmt.Sprintf("a timer is always armed for %dns in one run and for %dns in the other, as if one had learnt it before", n.xs[0], n.ys[0])
			}
			continue
		}
		lo, hi := min(n.xs[0], n.ys[0]), max(n.xs[0], n.ys[0])
		if distinct == 1 && lo > 0 && (hi == 2*lo || hi == lo+1 && hi < 64) {
			return fmt.Sprintf("%s is %d in one run and %d in the other, as a count that outlives a run", n.where, n.xs[0], n.ys[0])
		}
	}
	return ""
}

// flicker: numbers that are mostly the same, and now and then one apart, as
// floats that were cut to whole numbers.
func flicker(s *scene) string {
	for _, n := range s.numbers {
		if n.width != 0 || len(n.xs) < 4 {
			continue
		}
		same, ok, grows := 0, true, true
		for i := range n.xs {
			d := abs(n.xs[i] - n.ys[i])
			same += bit(d == 0)
			ok = ok && d <= 1 && abs(n.xs[i]) >= 1000
			grows = grows && (i == 0 || n.xs[i] >= n.xs[i-1])
		}
		if ok && !grows && 4*same >= len(n.xs) {
			return fmt.Sprintf("%s is mostly the same and now and then one apart, as a float cut to a whole number", n.where)
		}
	}
	return ""
}

// onePerRun: a value that is the same throughout each run.
func onePerRun(s *scene) string {
	a, _, ok := s.pair()
	if !ok {
		return ""
	}
	la, lb := s.places(a)
	constant := func(l []*des.Record) bool {
		return len(l) > 2 && !slices.ContainsFunc(l, func(r *des.Record) bool { return sigKey(r) != sigKey(l[0]) })
	}
	if constant(la) && constant(lb) {
		return "the value is one and the same throughout each run: a number of the process, its surroundings, or what was drawn at its start"
	}
	return ""
}

// otherPick: the same went to another port.
func otherPick(s *scene) string {
	if s.other || len(s.a) == 0 || len(s.b) == 0 {
		return ""
	}
	a, b := &s.a[0], &s.b[0]
	if a.Op != b.Op || a.Cell != b.Cell || a.Port == b.Port || a.Text != b.Text || !bytes.Equal(a.Data, b.Data) {
		return ""
	}
	return fmt.Sprintf("%s does the same on port %d and on port %d: the first of a map may have been picked", a.Cell, a.Port, b.Port)
}

// leftOver: bytes that one run leaves zero.
func leftOver(s *scene) string {
	a, b, ok := s.pair()
	if !ok {
		return ""
	}
	from, to, ok := region(a.Data, b.Data)
	if !ok || to-from < 2 {
		return ""
	}
	zero := func(p []byte) bool { return !slices.ContainsFunc(p, func(c byte) bool { return c != 0 }) }
	if zero(a.Data[from:to]) != zero(b.Data[from:to]) {
		return fmt.Sprintf("bytes %d..%d of the payload are zero in one run only: a buffer with something left in it", from, to-1)
	}
	return ""
}

// tookMax is how far apart, in nanoseconds, two runs of one handler may be and
// still look as if it were for the time it took.
const tookMax = 250_000

// deadlinesNear: spans that differ by little, and are no round numbers: time
// that really passed while a handler ran.
func deadlinesNear(s *scene) string {
	for _, n := range s.numbers {
		if !n.span || len(n.xs) == 0 {
			continue
		}
		close, odd := 0, false
		for i := range n.xs {
			if abs(n.xs[i]-n.ys[i]) < tookMax {
				close++
			}
			odd = odd || n.xs[i]%1000 != 0 || n.ys[i]%1000 != 0
		}
		if x, y := n.xs[0], n.ys[0]; odd && 4*close >= 3*len(n.xs) && abs(x-y) < tookMax {
			return fmt.Sprintf("a timer is armed for %dns and %dns from now: %dns apart and not round, as time that really passed", x, y, abs(x-y))
		}
	}
	a, _, aInB, _ := s.met()
	if a == nil || aInB == nil || a.Key.Time == aInB.Key.Time {
		return ""
	}
	close, all, odd := 0, 0, false
	for i := range s.a {
		r := &s.a[i]
		if !r.Op.Event() || r.Key.Entity != a.Key.Entity || all >= 32 {
			continue
		}
		if same := findEvent(s.b, r.Key.Entity, r.Key.Seq); same != nil {
			d := abs(int64(r.Key.Time - same.Key.Time))
			all++
			close += bit(d < tookMax)
			odd = odd || d%1000 != 0
		}
	}
	if odd && 4*close >= 3*all && abs(int64(a.Key.Time-aInB.Key.Time)) < tookMax {
		return fmt.Sprintf("an event is at %s and at %s: little apart and not round, as time that really passed", a.Key.Time, aInB.Key.Time)
	}
	return ""
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

var tookPattern = regexp.MustCompile(`\d(ns|µs|us|ms|s)\b`)

// tookTime: numbers that only grow, on both sides, at no common step.
func tookTime(s *scene) string {
	grows := func(l []int64) bool {
		for i := 1; i < len(l); i++ {
			if l[i] <= l[i-1] {
				return false
			}
		}
		return true
	}
	for _, n := range s.numbers {
		if n.span || n.width != 0 && n.width < 4 || len(n.xs) < 4 {
			continue
		}
		if _, _, same := n.pairs(); !same && grows(n.xs) && grows(n.ys) && min(n.xs[0], n.ys[0]) >= 100 &&
			!slices.Equal(steps(n.xs), steps(n.ys)) {
			return fmt.Sprintf("%s grows in both runs, by other steps: %d, %d, … and %d, %d, …", n.where, n.xs[0], n.xs[1], n.ys[0], n.ys[1])
		}
	}
	if a, b, ok := s.pair(); ok {
		if ta, tb := text(a), text(b); ta != tb && tookPattern.MatchString(ta) && tookPattern.MatchString(tb) &&
			number.ReplaceAllString(ta, "#") == number.ReplaceAllString(tb, "#") {
			return fmt.Sprintf("the text has a span that differs: %.60q and %.60q", ta, tb)
		}
	}
	return ""
}

func steps(l []int64) []int64 {
	var out []int64
	for i := 1; i < len(l); i++ {
		out = append(out, l[i]-l[i-1])
	}
	return out
}

// permutedAcross: the same values come in both runs, in events in another order.
func permutedAcross(s *scene) string {
	a, _, ok := s.pair()
	if !ok {
		return ""
	}
	la, lb := s.places(a)
	values := func(list []*des.Record) (out []string) {
		for _, r := range list {
			out = append(out, sigKey(r))
		}
		return out
	}
	va, vb := values(la), values(lb)
	for k := 3; k <= min(len(va), len(vb), 32); k++ {
		if distinct := slices.Compact(slices.Sorted(slices.Values(va[:k]))); len(distinct) == k && sameMultiset(va[:k], vb[:k]) {
			return fmt.Sprintf("the next %d records of this kind have the same values on both sides, in another order", k)
		}
	}
	return ""
}

// wobble: a count that is sometimes a little ahead, sometimes not.
func wobble(s *scene) string {
	for _, n := range s.numbers {
		if n.width != 0 || n.span || len(n.xs) < 3 {
			continue
		}
		ok := true
		for i := range n.xs {
			ok = ok && abs(n.xs[i]-n.ys[i]) <= 8 && (i == 0 || n.xs[i] >= n.xs[i-1] && n.ys[i] >= n.ys[i-1])
		}
		if _, _, same := n.pairs(); ok && !same && !slices.Equal(n.xs, n.ys) {
			return fmt.Sprintf("%s counts up in both runs, now and then a little ahead in one", n.where)
		}
	}
	return ""
}

func otherTime(s *scene) string {
	a, _, aInB, _ := s.met()
	if a == nil || aInB == nil || a.Key.Time == aInB.Key.Time {
		return ""
	}
	return fmt.Sprintf("event %s happens at %s and at %s, though nothing before it differs: a delay was drawn", s.names.event(a.Key), a.Key.Time, aInB.Key.Time)
}

func otherValues(s *scene) string {
	a, b, ok := s.pair()
	if !ok || a.Kind != b.Kind {
		return ""
	}
	return fmt.Sprintf("%s %s%s has another %s and the same shape, and no choice of chance differs before", a.Cell, a.Op, kindOf(a), strings.Join(fieldsApart(a, b), ", "))
}

// fieldsApart names the fields in which two records differ.
func fieldsApart(a, b *des.Record) (out []string) {
	for _, f := range []struct {
		name  string
		apart bool
	}{
		{"key", a.Key != b.Key},
		{"cause", a.Cause != b.Cause},
		{"op", a.Op != b.Op},
		{"cell", a.Cell != b.Cell},
		{"link", a.Link != b.Link},
		{"port", a.Port != b.Port},
		{"kind", a.Kind != b.Kind},
		{"a", a.A != b.A},
		{"b", a.B != b.B},
		{"text", a.Text != b.Text},
		{"payload", !bytes.Equal(a.Data, b.Data)},
	} {
		if f.apart {
			out = append(out, f.name)
		}
	}
	return out
}

func abs(v int64) int64 {
	if v < 0 {
		return -v
	}
	return v
}

func utoa(v uint64) string { return strconv.FormatUint(v, 10) }
