package scenarios

import "example.com/dsim/scenarios/topology"

// field is a key of a map of the file: what it is for, and what may stand
// there. The loader checks keys by these tables, and the schema is made of
// them, so that both know the same keys.
type field struct {
	key      string
	doc      string
	required bool
	shape    shape
}

var (
	tieWords   = []string{"fifo", "shuffled"}
	stopWords  = []string{"on-failure", "never"}
	afterWords = []string{"start", "faults"}
)

var scenarioFields = []field{
	{"version", "version of the format: 1", true, versionShape},
	{"name", "what the scenario is about, in a line", true, textShape},
	{"seed", "the seed where none is given: a number, 0x and hexadecimal digits, or 40 hexadecimal digits", false, seedShape},
	{"defaults", "what holds where nothing else is said", false, object("defaults", defaultsFields)},
	{"kinds", "named sets of settings", false, object("kinds", kindsFields)},
	{"topology", "cells and links made by a rule, or a list of them", false, oneOrMore(topologyShape)},
	{"cells", "the cells by name; those of a topology are changed, others added", false, mapOf(cellShape("cell", initialCellFields), 1)},
	{"links", "the links by name; those of a topology are changed, others added", false, mapOf(linkShape(initialLinkFields), 0)},
	{"roots", "the cells whose parameter root is true: a list, how many, or how many drawn ones", false, rootsShape},
	{"timeline", "what happens, and when", false, listShape(timelineShape)},
	{"expect", "what must hold", false, listShape(expectShape)},
	{"fails", "the property or expectation that is meant to fail", false, textShape},
	{"run", "how the run goes", true, object("run", runFields)},
	{"study", "what it is tried with, and what is measured: dsim study", false, object("study", studyFields)},
	{"explore", "what worlds may be drawn from it: dsim explore", false, object("explore", exploreFields)},
}

var defaultsFields = []field{
	{"cells", "for all cells", false, object("default-cell", defaultCellFields)},
	{"links", "parameters for all links they apply to", false, linkShape(defaultLinkFields)},
	{"protocols", "parameters for all cells of a protocol, by its name", false, protocolsShape},
}

var kindsFields = []field{
	{"cells", "kinds of cells by name", false, mapOf(cellShape("cell-kind", kindCellFields), 0)},
	{"links", "kinds of links by name", false, mapOf(linkShape(kindLinkFields), 0)},
}

var (
	protocolField = field{"protocol", "the protocol the cell runs", false, protocolShape}
	clockField    = field{"clock", "the cell's own clock", false, object("clock", clockFields)}
	portsField    = field{"ports", "the static ports in order, or how many; without it, those that links use", false, portsShape}
	nameField     = field{"name", "the name", true, nameShape}
	betweenField  = field{"between", "the two ends: [alice:p0, bob:p0]; of a stream link the cells", true, betweenShape}
	streamField   = field{"stream", "the link carries streams, not frames", false, boolShape}
	kindField     = field{"kind", "the kind whose settings hold where nothing else is said", false, nameShape}
	extendsField  = field{"extends", "the kind whose settings hold where this one says nothing", false, nameShape}

	defaultCellFields = []field{protocolField, clockField}
	initialCellFields = []field{protocolField, kindField, portsField, clockField}
	addCellFields     = []field{nameField, protocolField, kindField, portsField, clockField}
	kindCellFields    = []field{extendsField, protocolField, portsField, clockField}

	defaultLinkFields = []field{streamField}
	initialLinkFields = []field{{betweenField.key, betweenField.doc + "; links of a topology have theirs", false, betweenShape}, streamField, kindField}
	addLinkFields     = []field{nameField, betweenField, streamField, kindField}
	kindLinkFields    = []field{extendsField, streamField}
	setLinkFields     = []field{{"link", "the link, or a list", true, oneOrMore(nameShape)}}
)

var rootsFields = []field{
	{"drawn", "so many cells, drawn for the seed", true, scalar(count)},
}

var topologyFields = makeTopologyFields()

func makeTopologyFields() []field {
	cellFields := []field{protocolField, kindField, clockField}
	links := named("topology-link", linkShape([]field{streamField, kindField}))
	fields := []field{
		{"name", "the name of one of several: it addresses what is drawn", false, nameShape},
		{"prefix", "stands before the names of all its cells and links", false, textShape},
	}
	for i := range topology.Generators() {
		g := &topology.Generators()[i]
		fields = append(fields, field{g.Name, g.Doc, false, generatorShape(g)})
	}
	return append(fields,
		field{"edges", "cells and links as a list of edges: a line `a b` each", false, edgesShape},
		field{"cells", "for all its cells", false, cellShape("topology-cell", cellFields)},
		field{"links", "for all its links", false, links},
		field{"kinds", "for its cells of a kind: edge, leaf, …", false, mapOf(cellShape("topology-cell", cellFields), 0)},
		field{"link-kinds", "for its links of a kind: row, spoke, …", false, mapOf(links, 0)},
	)
}

// generatorFields are the numbers of a generator.
func generatorFields(g *topology.Generator) (fields []field) {
	for _, p := range g.Params {
		fields = append(fields, field{p.Name, p.Doc, p.Or == "", scalar(count)})
	}
	return fields
}

var clockFields = []field{
	{"drift", "how fast it runs: 50ppm", false, scalar(drift)},
	{"offset", "how far its wall time is off: 3s", false, scalar(span)},
}

// entryFields are the keys of an entry of the timeline beside its action.
var entryFields = []field{
	{"at", "once, at a time", false, scalar(span)},
	{"every", "again and again, at this distance", false, scalar(span)},
	{"when", "when a condition comes to hold", false, textShape},
	{"from", "every: the first time; when: not before", false, scalar(span)},
	{"until", "every, when: not after", false, scalar(span)},
	{"times", "every, when: how often at most; when: 1 without it", false, scalar(count)},
	{"name", "names the entry, in records and in paths", false, nameShape},
	{"fault", "whether it counts for `after: faults`", false, boolShape},
}

var linkActionFields = []field{
	{"link", "the link", true, nameShape},
	{"direction", "one direction: alice->bob, or a->b by the order of the ends", false, textShape},
	{"in-flight", "what becomes of frames on the way: lost, drain or hold", false, enum(cutWords...)},
}

var partitionFields = []field{
	{"groups", "the groups of cells", true, groupsShape},
	{"in-flight", "what becomes of frames on the way: lost, drain or hold", false, enum(cutWords...)},
}

var flapFields = []field{
	{"link", "the link", true, nameShape},
	{"down", "how long it is cut", true, scalar(span)},
	{"up", "how long it is not", true, scalar(span)},
	{"times", "how often; 1 without it", false, scalar(count)},
	{"in-flight", "what becomes of frames on the way: lost, drain or hold", false, enum(cutWords...)},
}

var restartFields = []field{
	{"cell", "the cell, or a list", true, oneOrMore(nameShape)},
	{"state", "lost or kept", false, enum(stateWords...)},
}

var clockActionFields = []field{
	{"cell", "the cell", true, nameShape},
	{"step", "moves its wall time", false, scalar(span)},
	{"offset", "puts its wall time that far off", false, scalar(span)},
	{"drift", "how fast it runs from now on", false, scalar(drift)},
}

var removeLinkFields = []field{
	{"link", "the link, or a list", true, oneOrMore(nameShape)},
	{"drain", "whether what was sent may arrive", false, boolShape},
}

var applyFields = []field{
	{"version", "of the batch; the next one without it", false, scalar(count)},
	{"changes", "the changes: actions on links and cells", true, changesShape},
}

var expectFields = []field{
	{"always", "a property, or a condition that holds at all times", false, textShape},
	{"never", "a condition that holds at no time", false, textShape},
	{"sometimes", "a condition that holds at some time", false, textShape},
	{"eventually", "a condition that comes to hold", false, textShape},
	{"settled", "a structural property, which holds once the site has had time to settle, and at the end", false, textShape},
	{"within", "eventually, settled: how soon", false, scalar(span)},
	{"after", "eventually, settled: counted from the start, or from the last of the faults", false, enum(afterWords...)},
	{"name", "what reports call it", false, textShape},
}

var studyFields = []field{
	{"matrix", "paths, as --set takes them, and the values of each: all combinations are run", false, matrixShape},
	{"repeat", "how many seeds for each combination; 1 without it", false, plainCount},
	{"measure", "what is measured: numbers as in conditions, end, events, pass, met:EXPECTATION", false, oneOrMore(textShape)},
}

var rangeFields = []field{
	{"from", "the first value", true, textShape},
	{"to", "the last, if the steps reach it", true, textShape},
	{"step", "from one to the next", true, textShape},
}

var runFields = []field{
	{"until", "when the run ends", true, scalar(span)},
	{"reaction", "from a condition to its effects: 1ms without it", false, scalar(span)},
	{"ties", "the order of events at one time: fifo or shuffled", false, enum(tieWords...)},
	{"events", "the most events", false, scalar(count)},
	{"delta", "the longest chain of causes in one instant", false, scalar(count)},
	{"stop", "on-failure, or never: go on after a failure", false, enum(stopWords...)},
}
