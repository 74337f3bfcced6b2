package cells

import "example.com/dsim/des"

// Oracle judges a run by what its cells emit. It is fed in the total order of
// keys, only kinds it asked for, and draws, sends and changes nothing.
type Oracle interface {
	// Kinds are the emissions the oracle wants to see.
	Kinds() []Kind
	// Observe takes one emission. An error means that the property failed
	// here; it says what was seen and what should have been.
	Observe(des.Key, Emission) error
	// Finish is asked once, at the end of a run that ended by itself: what
	// never came may be an error now.
	Finish() error
}

// Surveyor is an Oracle that judges the structure of a whole site: what its
// cells show of themselves, against the topology. It is a pure function of the
// snapshot, asked once the site has had time to settle, and at the end.
type Surveyor interface {
	Oracle
	Survey(Snapshot) error
}

// Undecider is an Oracle that may have to give up: what it is asked can take
// longer to know than its bounds allow. Asked after Finish, it says why it could
// not decide, and the property is inconclusive; the empty text is that it could.
type Undecider interface {
	Oracle
	Undecided() string
}
