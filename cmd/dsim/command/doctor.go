package command

import (
	"encoding/json"
	"fmt"

	"example.com/dsim/realnet/doctor"
	"github.com/spf13/cobra"
)

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this machine allows of what live runs need, and what to do about the rest",
		Long: `Try what live runs need, and say what works here, what works within bounds, and
what does not, each with what helps.

Tried are UNIX sockets, how long their names and frames may be and how many wait
unread; UDP and TCP; open files and processes; user and network namespaces; raw
sockets, TAP devices, IPv6, and neighbour discovery on each interface; the clock,
and how late timers ring.

It takes about a second, leaves nothing behind and changes nothing. Virtual runs
need none of it.

Exit codes:
  0  examined, whatever was found
  2  usage`,
		Example: `  dsim doctor
  dsim doctor --json`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			r := doctor.Examine()
			if asJSON {
				if err := json.NewEncoder(a.out).Encode(r); err != nil {
					return exit(exitEnvironment, err)
				}
				return nil
			}
			a.showHealth(r)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print all of it as one JSON object")
	return c
}

// showHealth prints a report for people.
func (a *app) showHealth(r doctor.Report) {
	s := a.out
	s.printf("%s\n\n", s.bold(fmt.Sprintf("%s, %d processors", r.System, r.Processors)))
	wide := 0
	for _, f := range r.Findings {
		wide = max(wide, len(f.Topic))
	}
	for _, f := range r.Findings {
		paint := map[doctor.Level]func(string) string{doctor.OK: s.good, doctor.Limited: s.warn, doctor.Missing: s.bad}[f.Level]
		s.printf("%s  %-*s  %s\n", paint(fmt.Sprintf("%-7s", f.Level)), wide, f.Topic, f.Found)
		if f.Level == doctor.OK {
			continue
		}
		s.printf("%*s%s\n", 9+wide+2, "", s.faint("for "+f.For))
		for _, do := range f.Do {
			s.printf("%*s- %s\n", 9+wide+2, "", do)
		}
	}
	s.printf("\n%d of %d are as live runs like them, %d are limited, %d are missing\n",
		r.Count(doctor.OK), len(r.Findings), r.Count(doctor.Limited), r.Count(doctor.Missing))
}
