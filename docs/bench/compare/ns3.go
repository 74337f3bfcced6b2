package main

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// ns3Source is our program on ns-3's libraries, and ns3Libs what it is linked with.
const ns3Source = "docs/bench/ns3/workloads.cc"

var ns3Libs = []string{"-lns3-internet", "-lns3-bridge", "-lns3-traffic-control", "-lns3-point-to-point", "-lns3-network", "-lns3-stats", "-lns3-core"}

const ns3Install = "apt-get install libns3-dev g++"

// buildNS3 compiles the program, or says why it is left out.
func buildNS3(root, dir string) (path, missing string) {
	gxx, err := exec.LookPath("g++")
	if err != nil {
		return "", "there is no g++: " + ns3Install
	}
	probe := exec.Command(gxx, "-std=c++17", "-x", "c++", "-E", "-o", "/dev/null", "-")
	probe.Stdin = strings.NewReader("#include <ns3/core-module.h>\n")
	if probe.Run() != nil {
		return "", "there are no headers of ns-3: " + ns3Install
	}
	path = filepath.Join(dir, "ns3")
	args := append([]string{"-O2", "-DNDEBUG", "-std=c++17", "-o", path, filepath.Join(root, filepath.FromSlash(ns3Source))}, ns3Libs...)
	if out, err := exec.Command(gxx, args...).CombinedOutput(); err != nil {
		return "", ns3Source + " does not compile: " + lastLine(out, 1)
	}
	return path, ""
}

// parseNS3 reads the line "workload=hold dist=exp ... ns=125.83 events=...".
func parseNS3(out string) (sample, error) {
	s := sample{metrics: map[string]float64{}}
	for f := range strings.FieldsSeq(out) {
		key, value, ok := strings.Cut(f, "=")
		if !ok {
			return s, fmt.Errorf("%q: want KEY=VALUE", f)
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			s.name += value + " "
			continue
		}
		switch key {
		case "ns":
			s.ns = v
		case "bytes":
			s.metrics["bytes/cell"] = v
		default:
			s.metrics[key] = v
		}
	}
	if s.ns <= 0 {
		return s, errors.New("no figure in it")
	}
	return s, nil
}

// load runs one load of ns-3. Of several schedulers the fastest counts.
func (m *meter) load(src source) (sample, error) {
	if m.ns3 == "" {
		return sample{}, errors.New("ns-3 is left out: " + m.ns3Missing)
	}
	schedulers := []string{src.sched}
	if src.sched == best {
		schedulers = m.schedulers
	}
	var least sample
	var failed error
	for _, sched := range schedulers {
		args := append([]string{m.ns3}, strings.Fields(src.load)...)
		out, err := m.run(m.dir, true, append(args, "sched="+sched))
		if err != nil {
			failed = fmt.Errorf("ns-3 %s sched=%s: %s: %w", src.load, sched, lastLine(out, 1), err)
			continue
		}
		s, err := parseNS3(string(out))
		if err != nil {
			failed = fmt.Errorf("ns-3 %s: %w", src.load, err)
			continue
		}
		if least.ns == 0 || s.ns < least.ns {
			least = s
			least.name = sched
		}
	}
	if least.ns == 0 {
		return least, failed
	}
	return least, nil
}
