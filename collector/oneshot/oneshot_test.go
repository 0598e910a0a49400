package oneshot

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hoop-exporter/hoop_exporter/collector"
)

// fake is a collector whose backfill takes a while, with a gateway that fails between two moments.
type fake struct {
	begin              time.Time
	takes              time.Duration
	failFrom, failTill time.Duration
}

var errGateway = errors.New("the gateway is on fire")

func (f *fake) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (f *fake) Refresh(context.Context) error {
	if at := time.Since(f.begin); at >= f.failFrom && at < f.failTill {
		return errGateway
	}
	return nil
}

func (f *fake) Baseline(ctx context.Context) error {
	select {
	case <-time.After(f.takes - time.Since(f.begin)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *fake) Progress() collector.Progress {
	return collector.Progress{Unread: max(0, f.takes-time.Since(f.begin)), Lookback: f.takes, Tracked: 7}
}

func (f *fake) Scrape(context.Context) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "hoop_up", Help: "Help."}, func() float64 {
		if f.Refresh(context.Background()) != nil {
			return 0
		}
		return 1
	})
}

func TestARunEndsWhenEverythingWasRead(t *testing.T) {
	for _, test := range []struct {
		name    string
		fake    fake
		wantErr error
		took    time.Duration
		says    string
	}{
		{"waits for the whole backfill", fake{takes: 90 * time.Second}, nil, 90 * time.Second, "hoop_up 1"},
		{"does not wait for a gateway that does not answer", fake{takes: time.Hour, failTill: time.Hour}, errGateway, 0, "hoop_up 0"},
		{"waits while the gateway fails for a moment", fake{takes: 90 * time.Second, failFrom: 10 * time.Second, failTill: 60 * time.Second}, nil, 90 * time.Second, "hoop_up 1"},
		{"gives up when the gateway stays away", fake{takes: time.Hour, failFrom: 10 * time.Second, failTill: 2 * time.Hour}, errGateway, 309 * time.Second, "hoop_up 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				test.fake.begin = time.Now()
				var out bytes.Buffer
				err := Run(t.Context(), &test.fake, Options{Registry: prometheus.NewRegistry(), GiveUpAfter: 5 * time.Minute}, &out)
				if !errors.Is(err, test.wantErr) || (err == nil) != (test.wantErr == nil) {
					t.Errorf("error %v, want %v", err, test.wantErr)
				}
				if took := time.Since(test.fake.begin).Truncate(time.Second); took != test.took {
					t.Errorf("took %s, want %s", took, test.took)
				}
				if !strings.Contains(out.String(), test.says) {
					t.Errorf("no %q in %q", test.says, out.String())
				}
			})
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var out bytes.Buffer
		err := Run(ctx, &fake{begin: time.Now(), takes: time.Hour}, Options{Registry: prometheus.NewRegistry(), GiveUpAfter: time.Minute}, &out)
		if !errors.Is(err, context.DeadlineExceeded) || out.Len() > 0 {
			t.Errorf("error %v, wrote %q", err, out.String())
		}
	})
}

func TestProgressIsOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var progress, out bytes.Buffer
		err := Run(t.Context(), &fake{begin: time.Now(), takes: 4 * time.Second}, Options{Registry: prometheus.NewRegistry(), Progress: &progress}, &out)
		if err != nil {
			t.Fatal(err)
		}
		got := progress.String()
		for _, want := range []string{"\rbackfill:  25 % of 4s, 7 unfinished", "\rbackfill:  50 %", "\rbackfill: 100 %"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in %q", want, got)
			}
		}
		if strings.Index(got, "\n") != len(got)-1 {
			t.Errorf("more or less than a line: %q", got)
		}
	})
}
