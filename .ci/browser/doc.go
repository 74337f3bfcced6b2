// Package browser has tests only: they drive the pages of dsim in a headless
// Chromium, as a person would, and hold them to what they promise. It is a module
// of its own, so that who builds dsim needs no driver of browsers.
//
//	cd .ci/browser && go test ./...
//	DSIM_SHOTS=/tmp go test ./...     and leave pictures there
package browser
