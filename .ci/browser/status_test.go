package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// What a test asks the page.
const (
	ab         = `document.querySelector('#drawing .link[aria-label^="link ab,"]')`
	abClass    = ab + `.getAttribute("class").split(" ")[1]`
	abLabel    = ab + `.querySelector(".label").textContent`
	answer     = `document.querySelector("#detail .answer").textContent`
	connection = `document.getElementById("connection").textContent`
	firstEvent = `document.querySelector("#events li").textContent.replace(/^[0-9:]+ /, "")`
)

// TestPageShowsAndActs goes through what a person does with the page: look, select
// a link, cut it, heal it, make it worse, be refused; and the server goes away and
// comes back. Once with cells that are real processes, once without any.
func TestPageShowsAndActs(t *testing.T) {
	for _, c := range []struct {
		name, title, cells, links string
		start                     func(*testing.T) *server
	}{
		{"stage", "stage · dsim", "3", "2", func(t *testing.T) *server {
			return startStage(t, "-links", "ab: alice bob, bc: bob carol")
		}},
		{"datacenter", "datacenter · dsim", "2", "1", func(t *testing.T) *server {
			return startDatacenter(t, "scenarios/abp/lossy.yaml")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := c.start(t)
			b := openTab(t, 1280, 900)
			b.do("open", chromedp.Navigate(s.origin+"/"))
			running, connected := `document.querySelectorAll("#drawing .cell.running").length`, `document.querySelectorAll("#drawing .link.connected").length`
			b.until(running, c.cells)
			b.until(connected, c.links)
			b.until(`document.getElementById("cells-up").textContent`, c.cells+" of "+c.cells)
			b.until(`document.title`, c.title)
			b.until(connection, "live")
			act(b)
			b.clean(s.origin)

			s.stop()
			b.until(connection, "disconnected, retrying")
			b.shoot("lost")
			s.start()
			b.until(connection, "live")
			b.until(running, c.cells)
			b.until(connected, c.links)
			b.forgive("ERR_CONNECTION_REFUSED") // what the test did itself
			b.forgive("ERR_INCOMPLETE_CHUNKED_ENCODING")
			b.forgive("ERR_CONNECTION_RESET")
			b.clean(s.origin)
		})
	}
}

// act does to the link ab all that can be done, and sees it happen.
func act(b *tab) {
	busy := ab + `.classList.contains("busy")`
	b.until(busy, "true") // frames flow, by two statuses
	b.until(abLabel+`.startsWith("ab · ")`, "true")
	b.do("select", chromedp.Click(`#links tbody tr:first-child button.name`))
	b.until(`document.querySelector("#detail h2").textContent`, "Link ab")
	b.until(`document.querySelector("#detail dl").textContent.includes("round trips")`, "true")
	b.shoot("light")

	b.do("cut", chromedp.Click("#cut"))
	b.until(abClass, "cut")
	b.until(answer, "ab cut")
	b.until(firstEvent, "link-cut ab…")
	b.until(`document.querySelector("#links tr.cut td:nth-of-type(2)").textContent`, "cut")
	b.shoot("cut")
	b.do("heal", chromedp.Click("#heal"))
	b.until(abClass, "connected")
	b.until(busy, "true")

	b.do("inject", chromedp.SetValue(`#detail input[name=loss]`, "25%"), chromedp.SetValue(`#detail input[name=delay]`, "20ms"), chromedp.Click("#inject"))
	worse := `document.querySelector("#links tr:first-child td:last-child").textContent`
	b.until(abLabel+`.includes("25%") && `+abLabel+`.includes("delay 20ms")`, "true")
	b.until(worse+`.includes("25%")`, "true")
	b.shoot("worse")
	b.do("clear", chromedp.Click("#clear"))
	b.until(worse+`.includes("25%")`, "false")
	b.do("ask too much", chromedp.SetValue(`#detail input[name=loss]`, "much"), chromedp.Click("#inject"))
	b.until(answer+`.includes('link "ab": loss "much": ')`, "true")
	b.until(`document.querySelector("#detail .answer").classList.contains("bad")`, "true")
	b.forgive("422") // the browser logs every refusal

	b.do("select a cell", chromedp.Click(`#cells tbody tr:first-child button.name`))
	b.until(`document.querySelector("#detail h2").textContent`, "Cell alice")
	b.until(`document.querySelectorAll("#detail dl:last-child dt").length > 0`, "true")
}

// token is one that a test's datacenter asks for.
const token = "0123456789abcdef"

// TestPageWithAToken opens the page of a datacenter that asks for a token, with
// the token as the password in its address, and acts.
func TestPageWithAToken(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startDatacenter(t, "scenarios/abp/lossy.yaml", "--token-file", file)
	b := openTab(t, 1280, 900)
	b.do("open", chromedp.Navigate(strings.Replace(s.origin, "http://", "http://dsim:"+token+"@", 1)+"/"))
	b.until(`document.querySelectorAll("#drawing .cell.running").length`, "2")
	b.do("cut", chromedp.Click(`#links tbody tr:first-child button.name`), chromedp.Click("#cut"))
	b.until(abClass, "cut")
	b.forgive("401") // the browser shows the token when it is asked to
	b.clean(s.origin)
}

// TestPageByKeyboard cuts a link without a mouse.
func TestPageByKeyboard(t *testing.T) {
	t.Parallel()
	origin := startStage(t).origin
	b := openTab(t, 1280, 900)
	b.do("open", chromedp.Navigate(origin+"/"))
	b.until(`document.querySelectorAll("#drawing .cell.running").length`, "2")
	at := `document.activeElement.getAttribute("aria-label")`
	for i := 0; b.eval(`document.activeElement.closest("#drawing") !== null`) != "true"; i++ {
		if i == 10 {
			t.Fatal("ten times Tab, and the drawing is not reached")
		}
		b.do("Tab", chromedp.KeyEvent("\t"))
	}
	for b.eval(at+`.startsWith("link ab")`) != "true" {
		before := b.eval(at)
		b.do("arrow", chromedp.KeyEvent("\ue014")) // right
		if b.eval(at) == before {
			b.do("home", chromedp.KeyEvent("\ue011"))
			if b.eval(at) == before {
				t.Fatalf("no way from %s to the link", before)
			}
		}
	}
	b.do("Enter", chromedp.KeyEvent("\r"))
	b.until(`document.querySelector("#detail h2").textContent`, "Link ab")
	for i := 0; b.eval(`document.activeElement.id`) != "cut"; i++ {
		if i == 30 {
			t.Fatal("thirty times Tab, and the button is not reached")
		}
		b.do("Tab", chromedp.KeyEvent("\t"))
	}
	b.do("press", chromedp.KeyEvent("\r"))
	b.until(abClass, "cut")
	b.clean(origin)
}

// TestPageOnAPhone: at a phone's width nothing is wider than the screen, and the
// dark palette is dark.
func TestPageOnAPhone(t *testing.T) {
	t.Parallel()
	origin := startStage(t, "-links", "ab: alice bob, bc: bob carol, cd: carol dave, da: dave alice", "-crashed", "carol", "-paused", "dave").origin
	b := openTab(t, 390, 844)
	b.do("open", chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile), chromedp.Navigate(origin+"/"))
	b.until(`document.querySelectorAll("#drawing .cell.crashed").length`, "1")
	b.do("dark", chromedp.Click("#theme"))
	b.do("select", chromedp.Click(`#links tbody tr:first-child button.name`))
	b.until(`document.documentElement.scrollWidth <= 390`, "true")
	b.until(`getComputedStyle(document.body).backgroundColor`, "rgb(20, 24, 29)")
	b.shoot("dark")
	b.clean(origin)
}

// TestPageOfManyCells: 200 cells are drawn, each in its own place, the same for
// everybody.
func TestPageOfManyCells(t *testing.T) {
	t.Parallel()
	origin := startStage(t, "-tree", "200").origin
	b := openTab(t, 1280, 900)
	places := `[...document.querySelectorAll("#drawing .disc")].map((c) => Math.round(c.cx.baseVal.value) + "," + Math.round(c.cy.baseVal.value)).join(" ")`
	b.do("open", chromedp.Navigate(origin+"/"))
	b.until(`document.querySelectorAll("#drawing .cell.running").length`, "200")
	first := b.eval(places)
	b.until(`new Set(`+places+`.split(" ")).size`, "200")
	b.shoot("tree")
	b.do("again", chromedp.Reload())
	b.until(`document.querySelectorAll("#drawing .cell.running").length`, "200")
	if again := b.eval(places); again != first {
		t.Errorf("cells stand elsewhere after a reload:\n%.200s\n%.200s", first, again)
	}
	b.clean(origin)
}
