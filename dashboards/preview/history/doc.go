// Package history makes a day of metrics for the pictures of the dashboards. It holds a test only: the fake clock that lets a day pass in a
// minute (testing/synctest) is there in tests only.
package history
