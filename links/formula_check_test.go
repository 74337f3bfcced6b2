package links

import (
	"fmt"
	"math"
)

// agree checks a measured value against its closed formula: the standard error
// of the measurement must be at most 1 % of the value, and the measurement
// within 4 standard errors.
func agree(what string, got, want, stderr float64) error {
	if !(stderr <= 0.01*want) {
		return fmt.Errorf("%s: the standard error %.3g is over 1 %% of %.6g", what, stderr, want)
	}
	if !(math.Abs(got-want) <= 4*stderr) {
		return fmt.Errorf("%s: %.6g, want %.6g ± %.2g", what, got, want, 4*stderr)
	}
	return nil
}

// batchMeans is the mean of a series and its standard error, where what is near
// in the series goes together: a hundred batches do not.
func batchMeans(series []float64) (mean, stderr float64) {
	const batches = 100
	size := len(series) / batches
	var sum, squares float64
	for b := range batches {
		m := 0.0
		for _, x := range series[b*size : (b+1)*size] {
			m += x / float64(size)
		}
		sum += m
		squares += m * m
	}
	mean = sum / batches
	return mean, math.Sqrt((squares/batches - mean*mean) / (batches - 1))
}
