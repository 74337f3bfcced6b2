// Package plain joins the streams of a site to plain connections of the world: a
// TCP client that knows nothing of dsim talks to a listener of a cell, and a cell
// that dials reaches a TCP server that knows nothing of dsim.
//
// It is the wire behind a stream link, as package socket has wires: the site
// gives it segments and gets segments. Each connection of the link is one real
// connection. Bytes are credited to the cell as they leave for the kernel, and
// read from the kernel only as fast as the cell handles them, so that the
// back-pressure of either side is felt by the other.
//
//	a cell listens    Mode server: Host:Local (or Path) is listened on; who connects dials Service in the site
//	a cell dials      Mode client: whatever it dials over the link is Host:Remote (or Path)
package plain
