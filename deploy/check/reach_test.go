package check

import (
	"slices"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// checkPodMonitor wants a PodMonitor to find the exporters and nothing else of the release.
func checkPodMonitor(t *testing.T, o *objects, m *monitoringv1.PodMonitor) {
	t.Helper()
	w := o.workloads()[0]
	selects(t, "PodMonitor", &m.Spec.Selector, w.pod.Labels)
	for _, e := range m.Spec.PodMetricsEndpoints {
		if e.Port == nil {
			t.Fatal("the PodMonitor names no port")
		}
		hasPort(t, "PodMonitor", intstr.FromString(*e.Port), w.pod.Spec)
	}
	if ns := m.Spec.NamespaceSelector.MatchNames; !slices.Contains(ns, o.services[0].Namespace) {
		t.Errorf("the PodMonitor looks into %q", ns)
	}
	selector, err := metav1.LabelSelectorAsSelector(&m.Spec.Selector)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range o.pods { // of "helm test"
		if selector.Matches(labels.Set(p.Labels)) {
			t.Errorf("the PodMonitor takes pod %s for an exporter", p.Name)
		}
	}
}

// checkIngress wants an Ingress to lead to ports of Services that are there.
func checkIngress(t *testing.T, o *objects, i *networkingv1.Ingress) {
	t.Helper()
	if len(i.Spec.Rules) == 0 {
		t.Error("the Ingress leads nowhere")
	}
	for _, r := range i.Spec.Rules {
		for _, p := range r.HTTP.Paths {
			b := p.Backend.Service
			if b == nil || !slices.ContainsFunc(o.services, func(s *corev1.Service) bool {
				return s.Name == b.Name && s.Namespace == i.Namespace &&
					slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == b.Port.Name })
			}) {
				t.Errorf("%s%s leads to %+v, which is not there", r.Host, p.Path, b)
			}
			if p.PathType == nil {
				t.Errorf("%s%s has no type", r.Host, p.Path)
			}
		}
	}
}

// checkMemory wants an exporter to keep its memory below the limit of its own container: as many megabytes as that has mebibytes.
func checkMemory(t *testing.T, c corev1.Container) {
	t.Helper()
	var known *corev1.ResourceFieldSelector
	for _, e := range c.Env {
		switch {
		case e.Name == "MEMORY_LIMIT_MIB" && e.ValueFrom != nil:
			known = e.ValueFrom.ResourceFieldRef
		case e.Name == "GOMEMLIMIT" && known != nil && e.Value == "$(MEMORY_LIMIT_MIB)000000":
			if known.ContainerName != c.Name || known.Resource != "limits.memory" || known.Divisor.Value() != 1<<20 {
				t.Errorf("container %s takes its memory limit from %+v", c.Name, known)
			}
			return
		}
	}
	t.Errorf("container %s sets no limit to its memory", c.Name)
}
