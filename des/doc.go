// Package des is the engine: which event is next, what chance says, and the
// form of the record of what happened.
//
// A [Scheduler] holds the events of one site in a hierarchical timer wheel and
// hands them out in one total order, the order of their [Key]s. It dispatches
// by entity, not by closure: an event names the entity it belongs to, and each
// class of entities has one [Dispatcher].
//
// Chance is addressed by name and occurrence. A [Seed] and three names key a
// [Rand]; its n-th draw does not depend on anything else that was drawn.
// Probabilities are exact [Ratio]s, distributions are integer [Sampler]s: no
// float decides an event.
//
// What an event means is left to package cells and package links; where
// records go is left to package replay.
//
//	s := des.NewScheduler(des.Config{})
//	s.Handle(des.Cell, d)
//	s.At(5, des.MakeEntity(des.Cell, 0), 0, 1, 42)
//	err := s.RunUntil(10) // d.Dispatch is called once, with s.Now() == 5
package des
