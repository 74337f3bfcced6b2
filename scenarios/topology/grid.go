package topology

import "fmt"

// Grid is rows and columns, each node joined with those beside, above and
// below. Nodes are of kind corner, border or inner, links of kind row or
// column, by what they run along. Its diameter is rows+cols-2.
func Grid(rows, cols int64) (*Graph, error) {
	if err := checkGrid(rows, cols, 1); err != nil {
		return nil, err
	}
	links := rows*(cols-1) + cols*(rows-1)
	b := newBuilder(rows*cols, links)
	outside := func(i, n int64) int {
		if i == 0 || i == n-1 {
			return 1
		}
		return 0
	}
	kinds := []string{"inner", "border", "corner"}
	for r := range rows {
		for c := range cols {
			i := b.node(gridName(r, c), kinds[outside(r, rows)+outside(c, cols)], c*Step, r*Step)
			if c > 0 {
				b.link("row", i-1, i)
			}
			if r > 0 {
				b.link("column", i-int(cols), i)
			}
		}
	}
	return b.done(), nil
}

// Torus is a grid of at least 3 by 3 whose rows and columns are rings. Nodes
// are of kind node, links of kind row or column. Its diameter is rows/2+cols/2.
func Torus(rows, cols int64) (*Graph, error) {
	if err := checkGrid(rows, cols, 3); err != nil {
		return nil, err
	}
	b := newBuilder(rows*cols, 2*rows*cols)
	at := func(r, c int64) int { return int(r%rows*cols + c%cols) }
	for r := range rows {
		for c := range cols {
			b.node(gridName(r, c), "node", c*Step, r*Step)
			b.link("row", at(r, c), at(r, c+1))
			b.link("column", at(r, c), at(r+1, c))
		}
	}
	return b.done(), nil
}

func checkGrid(rows, cols, least int64) error {
	if err := between("rows", rows, least, NodesMax); err != nil {
		return err
	}
	if err := between("cols", cols, least, NodesMax); err != nil {
		return err
	}
	return bounded(rows*cols, 0)
}

func gridName(r, c int64) string { return fmt.Sprintf("r%dc%d", r, c) }
