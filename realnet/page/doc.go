// Package page is the live status page of a datacenter: who is there, what is
// joined to what, what flows, what happened, and buttons to cut, heal and inject.
//
//	p := page.New(source, page.Options{Name: "lab"})
//	defer p.Close()
//	mux.Handle("GET /{$}", p)
//	mux.Handle("GET /page/", p)
//	mux.Handle("GET /favicon.ico", p)
//
// What the browser gets is HTML, a style sheet and a few JavaScript modules
// written by hand, all from this package, and nothing from anywhere else: the
// content security policy holds the browser to that. News come as server-sent
// events; while nobody looks, nobody is asked for any. What a button does goes
// through the controller's own HTTP API, as the command does, so that the page can
// do nothing that a person could not do otherwise.
//
// Who may see the page is left to the server that it is mounted on.
package page
