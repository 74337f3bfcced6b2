package des

// crowdIn puts the node r, which is nowhere, into the heap.
func (t *timers) crowdIn(r TimerRef) {
	t.nodes[r].where = inCrowd
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
	if i > 0 && t.nodes[r].e.Before(t.nodes[t.crowd[(i-1)/2]].e) {
		t.crowdUp(i, r)
		return
	}
	t.crowdDown(i, r)
}

// crowdUp puts r at index i or above it.
func (t *timers) crowdUp(i int, r TimerRef) {
	e := t.nodes[r].e
	for i > 0 {
		up := (i - 1) / 2
		if !e.Before(t.nodes[t.crowd[up]].e) {
			break
		}
		t.crowdSet(i, t.crowd[up])
		i = up
	}
	t.crowdSet(i, r)
}

// crowdDown puts r at index i or below it.
func (t *timers) crowdDown(i int, r TimerRef) {
	e := t.nodes[r].e
	for {
		k := 2*i + 1
		if k >= len(t.crowd) {
			break
		}
		if k+1 < len(t.crowd) && t.nodes[t.crowd[k+1]].e.Before(t.nodes[t.crowd[k]].e) {
			k++
		}
		if !t.nodes[t.crowd[k]].e.Before(e) {
			break
		}
		t.crowdSet(i, t.crowd[k])
		i = k
	}
	t.crowdSet(i, r)
}

func (t *timers) crowdSet(i int, r TimerRef) {
	t.crowd[i] = r
	t.nodes[r].prev = TimerRef(i)
}
