package des

// crowdIn puts the timer r, which is nowhere, into the heap.
func (t *timers) crowdIn(r TimerRef) {
	t.where[r] = inCrowd
	t.crowd = append(t.crowd, r)
	t.crowdUp(len(t.crowd)-1, r)
}

// crowdOut takes out what is at index i of the heap.
func (t *timers) crowdOut(i int) {
	n := len(t.crowd) - 1
	r := t.crowd[n]
	t.crowd = t.crowd[:n]
	if i == n {
		return
	}
	if i > 0 && t.events[r].Before(t.events[t.crowd[(i-1)/2]]) {
		t.crowdUp(i, r)
		return
	}
	t.crowdDown(i, r)
}

// crowdUp puts r at index i or above it.
func (t *timers) crowdUp(i int, r TimerRef) {
	e := t.events[r]
	for i > 0 {
		up := (i - 1) / 2
		if !e.Before(t.events[t.crowd[up]]) {
			break
		}
		t.crowdSet(i, t.crowd[up])
		i = up
	}
	t.crowdSet(i, r)
}

// crowdDown puts r at index i or below it.
func (t *timers) crowdDown(i int, r TimerRef) {
	e := t.events[r]
	for {
		k := 2*i + 1
		if k >= len(t.crowd) {
			break
		}
		if k+1 < len(t.crowd) && t.events[t.crowd[k+1]].Before(t.events[t.crowd[k]]) {
			k++
		}
		if !t.events[t.crowd[k]].Before(e) {
			break
		}
		t.crowdSet(i, t.crowd[k])
		i = k
	}
	t.crowdSet(i, r)
}

func (t *timers) crowdSet(i int, r TimerRef) {
	t.crowd[i] = r
	t.pos[r] = uint32(i)
}
