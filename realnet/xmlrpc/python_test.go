package xmlrpc

import (
	"bufio"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"
)

// python finds Python 3.
func python(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: its client and server are not tried")
	}
	return path
}

func TestPythonClient(t *testing.T) {
	l := serve(t, "tcp", "127.0.0.1:0")
	out, err := exec.CommandContext(t.Context(), python(t), "testdata/drive.py", "http://"+l.Addr().String()).CombinedOutput()
	if err != nil || string(out) != "all equal\n" {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestPythonServer(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), python(t), "testdata/serve.py")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer stdin.Close()
	port, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	c := client(t, "http://127.0.0.1:"+strings.TrimSpace(port), Options{})
	ctx := t.Context()
	for v, shown := range map[any]string{
		int64(-2147483648): "int -2147483648", "": "str ''", " a\r\n<&>α ": `str ' a\r\n<&>α '`, true: "bool True", 1.0: "float 1.0",
		1.5e-300: "float 1.5e-300", nil: "NoneType None", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC): "DateTime <DateTime '20260102T03:04:05' at",
	} {
		if back, err := c.Call(ctx, "echo", v); err != nil || back != v && v != " a\r\n<&>α " {
			t.Errorf("%#v came back as %#v, %v", v, back, err)
		}
		if s, err := c.Call(ctx, "shown", v); err != nil || !strings.HasPrefix(s.(string), shown) {
			t.Errorf("%#v is %v in Python, %v; want %s", v, s, err, shown)
		}
	}
	for _, v := range []any{
		[]byte{0, 1, 255},
		Array{},
		Struct{},
		Array{Array{int64(1)}, Struct{"a": nil}},
		Struct{"port_name": "p0", "unix_socket": Struct{"path": "/tmp/x.sock", "mode": "server"}, "ber": 0.01, "log_level": "error"},
	} {
		if back, err := c.Call(ctx, "echo", v); err != nil || !reflect.DeepEqual(back, v) {
			t.Errorf("%#v came back as %#v, %v", v, back, err)
		}
	}
	_, err = c.Call(ctx, "fail")
	wantFault(t, err, 42, "as asked")
	_, err = c.Call(ctx, "broken")
	wantFault(t, err, 1, "ZeroDivisionError")
	v, err := c.Call(ctx, multicall, Array{Struct{"methodName": "count", "params": Array{int64(1)}}})
	if err != nil || !reflect.DeepEqual(v, Array{Array{int64(1)}}) {
		t.Errorf("%v %v", v, err)
	}
}
