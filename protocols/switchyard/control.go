package switchyard

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"example.com/dsim/protocols/eth"
)

// NameMax is how many bytes the name of an endpoint, a client or a server has
// at most.
const NameMax = 255

// object is a control payload: keys as they stand there, so that "Name" is not
// "name", and values not looked at yet. Keys that nobody asks for are passed
// over: new clients talk to old fabrics, and the other way.
type object map[string]json.RawMessage

var (
	errNoText   = errors.New("payload is not UTF-8")
	errNoObject = errors.New("payload is not a JSON object")
)

// parseObject reads a control payload: UTF-8, one object, nothing behind it.
func parseObject(payload []byte) (object, error) {
	if !utf8.Valid(payload) {
		return nil, errNoText
	}
	var o object
	if json.Unmarshal(payload, &o) != nil || o == nil {
		return nil, errNoObject
	}
	return o, nil
}

// has reports whether a key is there with a value other than null.
func (o object) has(key string) bool {
	raw, ok := o[key]
	return ok && string(raw) != "null"
}

// text reads a text, empty if it is not there.
func (o object) text(key string) (string, error) {
	if !o.has(key) {
		return "", nil
	}
	var s string
	if json.Unmarshal(o[key], &s) != nil || len(s) > PayloadMax {
		return "", fmt.Errorf("%s: want a text", key)
	}
	return s, nil
}

// name reads a name, which must be there.
func (o object) name(key string) (string, error) {
	s, err := o.text(key)
	if err == nil && !o.has(key) {
		err = fmt.Errorf("%s is missing", key)
	}
	if err == nil {
		err = checkName(s)
	}
	if err != nil {
		return "", err
	}
	return s, nil
}

// checkName says what is wrong with a name of an endpoint.
func checkName(s string) error {
	if s == "" || len(s) > NameMax || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("name: want 1 to %d bytes of text without control characters", NameMax)
	}
	return nil
}

// number reads a whole number of at most most, or def if it is not there.
func (o object) number(key string, def, most uint64) (uint64, error) {
	if !o.has(key) {
		return def, nil
	}
	var n uint64
	if json.Unmarshal(o[key], &n) != nil || n > most {
		return 0, fmt.Errorf("%s: want a whole number up to %d", key, most)
	}
	return n, nil
}

// texts reads a list of at most most texts.
func (o object) texts(key string, most int) ([]string, error) {
	if !o.has(key) {
		return nil, nil
	}
	var list []string
	if json.Unmarshal(o[key], &list) != nil || len(list) > most {
		return nil, fmt.Errorf("%s: want a list of at most %d texts", key, most)
	}
	return list, nil
}

// mac reads an address, the zero MAC if it is not there.
func (o object) mac(key string) (eth.MAC, error) {
	s, err := o.text(key)
	if err != nil || !o.has(key) {
		return eth.MAC{}, err
	}
	return eth.ParseMAC(s)
}

// The payloads that are sent. Fields stand in the order in which the first
// Switchyard writes them.
type (
	helloPayload struct {
		ClientName string   `json:"client_name"`
		Session    uint64   `json:"session,omitempty"`
		Features   []string `json:"features,omitempty"`
	}
	welcomePayload struct {
		Server  string `json:"server"`
		Version int    `json:"version"`
	}
	createPayload struct {
		Name string `json:"name"`
		MAC  string `json:"mac,omitempty"`
	}
	lookupPayload struct {
		Name string `json:"name"`
	}
	identityPayload struct {
		Endpoint uint32 `json:"endpoint_id"`
		Name     string `json:"name"`
		MAC      string `json:"mac"`
	}
	subscribePayload struct {
		Endpoint uint32 `json:"endpoint_id"`
		Promisc  bool   `json:"promisc"`
	}
	errorPayload struct {
		Error string `json:"error"`
	}
	rulesPayload struct {
		Version uint64   `json:"version"`
		Rules   []string `json:"rules"`
	}
	appliedPayload struct {
		Version uint64 `json:"version"`
	}
)

// encode is a payload as JSON.
func encode(v any) []byte {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("switchyard: " + err.Error()) // all values are ours
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

// sessionMax keeps a session exact where numbers of JSON are floats.
const sessionMax = 1<<53 - 1

// hello is what a HELLO says.
type hello struct {
	name    string
	session uint64
	rules   bool // the client applies rules itself
}

// featureRules is the word of a client that applies rules.
const featureRules = "rules"

// parseHello reads a HELLO. The first Switchyard never looks at its payload, so
// none is as good as an empty object.
func parseHello(payload []byte) (h hello, err error) {
	if len(payload) == 0 {
		return hello{}, nil
	}
	o, err := parseObject(payload)
	if err != nil {
		return hello{}, err
	}
	if h.name, err = o.text("client_name"); err != nil {
		return hello{}, err
	}
	if len(h.name) > NameMax {
		return hello{}, fmt.Errorf("client_name: want at most %d bytes", NameMax)
	}
	if h.session, err = o.number("session", 0, sessionMax); err != nil {
		return hello{}, err
	}
	features, err := o.texts("features", 64)
	if err != nil {
		return hello{}, err
	}
	for _, f := range features {
		h.rules = h.rules || f == featureRules
	}
	return h, nil
}

// Identity is an endpoint as its fabric knows it.
type Identity struct {
	Endpoint uint32 // from 1
	Name     string
	MAC      eth.MAC
}

// ParseIdentity reads the payload of ENDPOINT_CREATED and ENDPOINT_INFO.
func ParseIdentity(payload []byte) (Identity, error) {
	o, err := parseObject(payload)
	if err != nil {
		return Identity{}, err
	}
	n, err := o.number("endpoint_id", 0, math.MaxUint32)
	if err == nil && n == 0 {
		err = errors.New("endpoint_id is missing")
	}
	if err != nil {
		return Identity{}, err
	}
	id := Identity{Endpoint: uint32(n)}
	if id.Name, err = o.name("name"); err != nil {
		return Identity{}, err
	}
	id.MAC, err = o.mac("mac")
	return id, err
}

// ParseError reads the payload of an ERROR.
func ParseError(payload []byte) string {
	o, err := parseObject(payload)
	if err == nil {
		var s string
		if s, err = o.text("error"); err == nil && s != "" {
			return s
		}
	}
	return "an error without a text"
}
