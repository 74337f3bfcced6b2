package xmlrpc

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The example of the specification (xmlrpc.com, 1999), and its forms of values.
const specCall = `<?xml version="1.0"?>
<methodCall>
   <methodName>examples.getStateName</methodName>
   <params>
      <param>
         <value><i4>41</i4></value>
         </param>
      </params>
   </methodCall>`

const specFault = `<?xml version="1.0"?>
<methodResponse>
   <fault>
      <value>
         <struct>
            <member>
               <name>faultCode</name>
               <value><int>4</int></value>
               </member>
            <member>
               <name>faultString</name>
               <value><string>Too many parameters.</string></value>
               </member>
            </struct>
         </value>
      </fault>
   </methodResponse>`

func TestSpecificationsExamples(t *testing.T) {
	name, args, err := ParseCall([]byte(specCall), Limits{})
	if err != nil || name != "examples.getStateName" || !reflect.DeepEqual(args, []any{int64(41)}) {
		t.Errorf("call: %s %v %v", name, args, err)
	}
	_, err = ParseResult([]byte(specFault), Limits{})
	if f := (*Fault)(nil); !errors.As(err, &f) || f.Code != 4 || f.Text != "Too many parameters." {
		t.Errorf("fault: %v", err)
	}
	when := time.Date(1998, 7, 17, 14, 8, 55, 0, time.UTC)
	for text, want := range map[string]any{
		"<i4>-12</i4>": int64(-12), "<int>+7</int>": int64(7), "<boolean>1</boolean>": true, "<string>hello</string>": "hello",
		"<double>-12.214</double>": -12.214, "<dateTime.iso8601>19980717T14:08:55</dateTime.iso8601>": when,
		"<dateTime.iso8601>1998-07-17T16:08:55+02:00</dateTime.iso8601>": when,
		"<base64>eW91IGNhbid0IHJl\n YWQgdGhpcyE=</base64>":               []byte("you can't read this!"),
		"untyped ": "untyped ", "": "", "<string/>": "", "<base64/>": []byte{}, " <nil/>\n": nil, "a<!-- no --><!-- no -->b": "ab",
		"<i8>9223372036854775807</i8>": int64(math.MaxInt64), "a&lt;&#13;&amp;": "a<\r&", "\n<int> 5 </int>\n": int64(5),
		"<array><data><value>a</value><value><i4>2</i4></value></data></array>": Array{"a", int64(2)},
		"<struct><member><name>x y</name><value/></member></struct>":            Struct{"x y": ""},
		"<struct></struct>":                          Struct{},
		"<array><data/></array>":                     Array{},
		"<value xmlns='x'></value>":                  errors.New("<value> is no type"),
		"<int>2147483648</int>":                      errors.New("32 bits"),
		"<i4></i4>":                                  errors.New("32 bits"),
		"<i1>128</i1>":                               errors.New("8 bits"),
		"<boolean>true</boolean>":                    errors.New("0 or 1"),
		"<double>inf</double>":                       errors.New("finite"),
		"<double>0x1p3</double>":                     errors.New("finite"),
		"<double>1e999</double>":                     errors.New("finite"),
		"<base64>?</base64>":                         errors.New("not base64"),
		"<dateTime.iso8601>now</dateTime.iso8601>":   errors.New("20260102T15:04:05"),
		"text<int>1</int>":                           errors.New("before <int>"),
		"<int>1</int>text":                           errors.New("between elements"),
		"<int>1</int><int>1</int>":                   errors.New("<int> where an element is to end"),
		"<string><b/></string>":                      errors.New("<b> within text"),
		"<struct><member><value/></member></struct>": errors.New("<name> is wanted"),
		"<struct><member><name>a</name><value/></member><member><name>a</name><value/></member></struct>": errors.New("there twice"),
		"<array></array>": errors.New("<data> is wanted"),
	} {
		v, err := ParseResult(result(text), Limits{})
		if wrong, bad := want.(error); bad {
			if err == nil || !strings.Contains(err.Error(), wrong.Error()) {
				t.Errorf("%s: %v, want an error with %q", text, err, wrong)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(v, want) {
			t.Errorf("%s: %#v %v, want %#v", text, v, err, want)
		}
	}
}

func result(value string) []byte {
	return []byte("<methodResponse><params><param><value>" + value + "</value></param></params></methodResponse>")
}

func TestWhatIsWrittenComesBack(t *testing.T) {
	for _, v := range []any{
		nil, true, false, "", " \t\n\r\r\n", "α<&>\"' ]]>", "\u007f\u0085\U0001F600", int64(0), int64(math.MaxInt32), int64(math.MinInt32),
		0.0, 1.0, 1e21, 1.5e-300, math.MaxFloat64, math.SmallestNonzeroFloat64,
		[]byte{},
		[]byte{0, 1, 255},
		time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		Array{},
		Struct{},
		Array{Array{nil, Struct{"": "", "a<\r": Array{int64(1)}}}},
	} {
		b, err := AppendResult(nil, v)
		if err != nil {
			t.Errorf("%#v: %v", v, err)
			continue
		}
		back, err := ParseResult(b, Limits{})
		if err != nil || !reflect.DeepEqual(back, v) {
			t.Errorf("%#v came back as %#v, %v: %s", v, back, err, b)
		}
	}
}

func TestStructsAreWrittenInTheOrderOfKeys(t *testing.T) {
	b, err := AppendCall(nil, "m", map[string]string{"b": "2", "c": "3", "a": "1\r"})
	want := "<?xml version='1.0'?>\n<methodCall>\n<methodName>m</methodName>\n<params>\n<param>\n<value><struct>\n" +
		"<member>\n<name>a</name>\n<value><string>1&#xD;</string></value>\n</member>\n" +
		"<member>\n<name>b</name>\n<value><string>2</string></value>\n</member>\n" +
		"<member>\n<name>c</name>\n<value><string>3</string></value>\n</member>\n" +
		"</struct></value>\n</param>\n</params>\n</methodCall>\n"
	if err != nil || string(b) != want {
		t.Errorf("%v\n%s", err, b)
	}
}

func TestWhatXMLCannotCarryIsRefused(t *testing.T) {
	cycle := Array{nil}
	cycle[0] = cycle
	for _, c := range []struct {
		v    any
		want string
	}{
		{int64(math.MaxInt32) + 1, "m: argument 1: integer 2147483648: XML-RPC carries 32 bits; send it as a string"},
		{uint64(math.MaxUint64), "integer 18446744073709551615"},
		{Struct{"a": Array{"ok", "x\x00"}}, `argument 1["a"][1]: control character 0x00 at byte 1: XML cannot carry it; send base64`},
		{Struct{"a\x01": 1}, "control character 0x01"},
		{"\xff", "byte 0xff that is not UTF-8"},
		{"\ufffe", "U+FFFE"},
		{math.NaN(), "finite"},
		{math.Inf(-1), "finite"},
		{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "year 10000"},
		{cycle, "deeper than 64"},
		{struct{}{}, "type struct {} has no form"},
	} {
		if _, err := AppendCall(nil, "m", c.v); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T: %v, want %q in it", c.v, err, c.want)
		}
	}
	if _, err := AppendCall(nil, "a b"); err == nil {
		t.Error("a method's name with a blank was taken")
	}
	b := AppendFault(nil, Faultf(math.MaxInt32, "no \x00"))
	if _, err := ParseResult(b, Limits{}); err == nil || err.Error() != `"no \x00" (fault 2147483647)` {
		t.Errorf("a fault with a control character: %v", err)
	}
}

func TestHostileBodiesAreRefused(t *testing.T) {
	call := func(inner string) string { return "<methodCall><methodName>m</methodName>" + inner + "</methodCall>" }
	deep := strings.Repeat("<value><array><data>", 100) + strings.Repeat("</data></array></value>", 100)
	for _, c := range []struct{ body, want string }{
		{`<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">]>` + call(""), "document type or directive"},
		{call("<params><param><value>&lol;</value></param></params>"), "not XML"},
		{`<?xml-stylesheet href="x"?>` + call(""), "processing instruction"},
		{` <?xml version="1.0"?>` + call(""), "processing instruction"},
		{`<?xml version="1.0" encoding="UTF-16"?>` + call(""), "only UTF-8"},
		{call("<params><param>" + deep + "</param></params>"), "too deep"},
		{call("<params>" + strings.Repeat("<param><value/></param>", 600) + "</params>"), "at most 1000 elements"},
		{strings.Repeat(" ", 70000), "70000 bytes: at most 65536"},
		{call("<params/>") + call(""), "<methodCall> after the end"},
		{"<methodCall><methodName>a b</methodName></methodCall>", "letters, digits"},
		{"<methodCall><methodName>" + strings.Repeat("a", 300) + "</methodName></methodCall>", "letters, digits"},
		{"<methodCall>x", "text \"x\" between elements"},
		{"<methodCall><methodName>m", "not XML"},
		{"", "the end where <methodCall> is wanted"},
		{"{}", "between elements"},
		{"<methodResponse/>", "<methodResponse> where <methodCall>"},
		{call("\xff"), "not XML"},
		{call("<params><param><value>&#0;</value></param></params>"), "not XML"},
	} {
		_, _, err := ParseCall([]byte(c.body), Limits{Bytes: 1 << 16, Depth: 30, Elements: 1000})
		if f := (*Fault)(nil); !errors.As(err, &f) || !strings.Contains(f.Text, c.want) {
			t.Errorf("%.60s: %v, want %q in it", c.body, err, c.want)
		}
	}
	if _, err := ParseResult([]byte("<methodResponse><fault><value>x</value></fault></methodResponse>"), Limits{}); err == nil || errors.As(err, new(*Fault)) {
		t.Errorf("a fault that is none: %v", err)
	}
}

func ExampleAppendCall() {
	b, err := AppendCall(nil, "heartbeat", "p0", 7)
	fmt.Println(string(b), err)
	// Output:
	// <?xml version='1.0'?>
	// <methodCall>
	// <methodName>heartbeat</methodName>
	// <params>
	// <param>
	// <value><string>p0</string></value>
	// </param>
	// <param>
	// <value><int>7</int></value>
	// </param>
	// </params>
	// </methodCall>
	//  <nil>
}
