package replay

import (
	"fmt"
	"os"
)

// PartSuffix is added to the name of a trace that is not finished.
const PartSuffix = ".part"

// partFile is a file that gets its name when it is whole.
type partFile struct {
	f    *os.File
	path string
}

// Create makes a trace file. Until Close it is called path.part, which can be
// opened, and mended by [Repair], if the process dies. An older path stays as
// it is until then; an older path.part is written over.
func Create(path string, h Header) (*Writer, error) {
	f, err := os.OpenFile(path+PartSuffix, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	part := &partFile{f, path}
	w, err := NewWriter(f, h)
	if err != nil {
		_ = part.remove()
		return nil, err
	}
	w.file = part
	return w, nil
}

// notItself refuses to write a file over the one it is made of.
func notItself(what, in, out string) error {
	a, err := os.Stat(in)
	if err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	for _, path := range []string{out, out + PartSuffix} {
		if b, err := os.Stat(path); err == nil && os.SameFile(a, b) {
			return fmt.Errorf("%s: %s would be written over the trace it is made of: give another name", what, out)
		}
	}
	return nil
}

// end closes the file and, if all is written, gives it its name.
func (p *partFile) end(whole bool) error {
	err := p.f.Sync()
	if e := p.f.Close(); err == nil {
		err = e
	}
	if err == nil && whole {
		err = os.Rename(p.path+PartSuffix, p.path)
	}
	if err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	return nil
}

func (p *partFile) remove() error {
	_ = p.f.Close()
	if err := os.Remove(p.path + PartSuffix); err != nil {
		return fmt.Errorf("trace: %w", err)
	}
	return nil
}
