package datacenter

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// strict reads a value as JSON reads it into another: a member that is not known
// is an error, and so is anything after it.
func strict(v, to any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}
