package links

import "flag"

var long = flag.Bool("long", false, "run the long forms of tests")
