package planted

import (
	"context"
	"time"
)

func wall() time.Duration {
	start := time.Now()             // want `uses time.Now`
	time.Sleep(time.Second)         // want `uses time.Sleep`
	<-time.After(time.Second)       // want `uses time.After`
	later := time.NewTimer          // want `uses time.NewTimer`
	_ = later                       // naming it was the violation
	_ = time.NewTicker(time.Second) // want `uses time.NewTicker`
	_ = time.Tick(time.Second)      // want `uses time.Tick`
	time.AfterFunc(1, func() {})    // want `uses time.AfterFunc`
	_ = time.Until(start)           // want `uses time.Until`
	_ = start.Local()               // want `uses time.Time.Local`
	_ = time.Local                  // want `uses time.Local`

	_, stop := context.WithTimeout(context.Background(), time.Second) // want `uses context.WithTimeout`
	stop()
	_ = time.Unix(0, 0).UTC().Add(3 * time.Second).Format(time.RFC3339) // a value, not a reading
	return time.Since(start)                                            // want `uses time.Since`
}
