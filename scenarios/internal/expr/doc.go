// Package expr compiles the conditions of scenarios: expressions over what
// cells show and links count.
//
//	bob.delivered == 1000
//	alice.retransmitted > 0 and links.ab.lost > 0
//	links.ab["alice->bob"].sent <= 10
//	all(cells, .delivered == alice.messages)
//	cells["node-3"].state in ["idle", "done"]
//
// The syntax, its parser and its precedence are those of expr-lang/expr. The
// meaning is narrower, so that a condition is the same on every machine:
// numbers are 64-bit integers whose overflow is an error, / and % are those of
// integers, there are no fractions, no clock, no regular expressions and no
// loops but over the cells of the scenario, which are unrolled in the order of
// names when the condition is compiled. Everything has a type, known before
// the run as far as protocols say what they show: a number, a truth value or
// text.
//
// Operators: == != < <= > >= + - * / % and && or || not ! in, contains,
// startsWith, endsWith, c ? x : y. Functions: abs, min, max, len (of text),
// and over cells: all, any, none, one, count, sum.
//
// A [Program] says which values it reads and is a pure function of them. When
// it is evaluated, and what a missing value is, is left to the runner.
package expr
