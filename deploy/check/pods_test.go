package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// checkTogether holds objects to each other: selectors that select, ports that exist, volumes that are mounted.
func checkTogether(t *testing.T, o *objects) {
	t.Helper()
	if len(o.statefulSets) == 0 || len(o.services) == 0 {
		t.Fatalf("got %d StatefulSets and %d Services", len(o.statefulSets), len(o.services))
	}
	for _, set := range o.statefulSets {
		checkSet(t, o, set)
	}
	for _, s := range o.services {
		of := func(set *appsv1.StatefulSet) bool {
			return labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(set.Spec.Template.Labels))
		}
		if len(s.Spec.Selector) == 0 || !slices.ContainsFunc(o.statefulSets, of) {
			t.Errorf("Service %s selects no exporter", s.Name)
		}
	}
	for _, m := range o.monitors {
		checkMonitor(t, o, m)
	}
	accounts := map[string]bool{"default": true}
	for _, a := range o.accounts {
		accounts[a.Name] = true
		if a.AutomountServiceAccountToken == nil || *a.AutomountServiceAccountToken {
			t.Errorf("ServiceAccount %s hands out a token", a.Name)
		}
	}
	for _, p := range o.pods { // of "helm test"
		checkHardened(t, p.Spec)
		for _, s := range o.services {
			if labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(p.Labels)) {
				t.Errorf("Service %s takes pod %s for an exporter", s.Name, p.Name)
			}
		}
		names := map[string]bool{}
		for _, v := range p.Spec.Volumes {
			names[v.Name] = true
		}
		checkMounts(t, p.Spec, names)
	}
	seen := map[string]bool{}
	for _, x := range o.all {
		key := fmt.Sprintf("%T %s/%s", x, x.GetNamespace(), x.GetName())
		if seen[key] {
			t.Errorf("%s is there twice", key)
		}
		seen[key] = true
	}
}

// checkSet holds a StatefulSet to what has to do with it.
func checkSet(t *testing.T, o *objects, set *appsv1.StatefulSet) {
	t.Helper()
	pod := set.Spec.Template
	// Several exporters divide the gateways of a file among them, or two would be at the same gateway with the same state.
	divided := slices.Contains(pod.Spec.Containers[0].Args, "--shard.from-pod-name=$(POD_NAME)")
	if n := set.Spec.Replicas; n == nil || *n != 1 && !divided {
		t.Errorf("exporters of the same gateway would write one state: replicas is %v", n)
	} else if total := fmt.Sprintf("--shard.total=%d", *n); divided && !slices.Contains(pod.Spec.Containers[0].Args, total) {
		t.Errorf("%d pods are told %v, not %s", *n, pod.Spec.Containers[0].Args, total)
	}
	selects(t, "StatefulSet", set.Spec.Selector, pod.Labels)
	for _, other := range o.statefulSets {
		if s, err := metav1.LabelSelectorAsSelector(set.Spec.Selector); err != nil || other != set && s.Matches(labels.Set(other.Spec.Template.Labels)) {
			t.Errorf("StatefulSet %s takes the pods of %s for its own (%v)", set.Name, other.Name, err)
		}
	}
	checkHardened(t, pod.Spec)
	governs := slices.IndexFunc(o.services, func(s *corev1.Service) bool { return s.Name == set.Spec.ServiceName })
	if governs < 0 {
		t.Fatalf("the StatefulSet names Service %q, which is not there", set.Spec.ServiceName)
	}
	service := o.services[governs]
	selects(t, "Service", &metav1.LabelSelector{MatchLabels: service.Spec.Selector}, pod.Labels)
	for _, p := range service.Spec.Ports {
		hasPort(t, "Service", p.TargetPort, pod.Spec)
	}
	if divided {
		checkAddresses(t, set, service)
	}
	for _, p := range o.policies {
		selects(t, "NetworkPolicy", &p.Spec.PodSelector, pod.Labels)
		for _, rule := range p.Spec.Ingress {
			for _, port := range rule.Ports {
				hasPort(t, "NetworkPolicy", *port.Port, pod.Spec)
			}
		}
	}
	for _, b := range o.budgets {
		selects(t, "PodDisruptionBudget", b.Spec.Selector, pod.Labels)
	}
	mounted := map[string]bool{}
	for _, v := range pod.Spec.Volumes {
		mounted[v.Name] = true
		if c := v.PersistentVolumeClaim; c != nil && len(o.claims) > 0 && c.ClaimName != o.claims[0].Name {
			t.Errorf("the claim %s is not %s, which is made", c.ClaimName, o.claims[0].Name)
		}
	}
	for _, c := range set.Spec.VolumeClaimTemplates {
		mounted[c.Name] = true
	}
	checkMounts(t, pod.Spec, mounted)
}

// checkAddresses wants shards to tell addresses at which their pods are.
func checkAddresses(t *testing.T, set *appsv1.StatefulSet, service *corev1.Service) {
	t.Helper()
	container := set.Spec.Template.Spec.Containers[0]
	if service.Spec.ClusterIP != corev1.ClusterIPNone || !service.Spec.PublishNotReadyAddresses {
		t.Errorf("Service %s gives pods no names, or not before they are ready", service.Name)
	}
	want := fmt.Sprintf("--shard.address=%s-{index}.%s", set.Name, service.Name)
	port := fmt.Sprintf(":%d", container.Ports[0].ContainerPort)
	if !slices.ContainsFunc(container.Args, func(a string) bool {
		rest, ok := strings.CutPrefix(a, want)
		return ok && strings.HasSuffix(rest, port) && (rest == port || strings.HasPrefix(rest, "."))
	}) {
		t.Errorf("the shards are told %v, not %s...%s", container.Args, want, port)
	}
	if !slices.ContainsFunc(container.Env, func(e corev1.EnvVar) bool {
		return e.Name == "POD_NAME" && e.ValueFrom != nil && e.ValueFrom.FieldRef != nil && e.ValueFrom.FieldRef.FieldPath == "metadata.name"
	}) {
		t.Error("the pods are not told their names")
	}
}

// checkMonitor wants a ServiceMonitor to find each exporter once.
func checkMonitor(t *testing.T, o *objects, m *monitoringv1.ServiceMonitor) {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(&m.Spec.Selector)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, s := range o.services {
		if !selector.Matches(labels.Set(s.Labels)) {
			continue
		}
		for _, e := range m.Spec.Endpoints {
			if !slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == e.Port }) {
				t.Errorf("the ServiceMonitor asks for port %q, which Service %s does not have", e.Port, s.Name)
			}
		}
		if ns := m.Spec.NamespaceSelector.MatchNames; m.Namespace != s.Namespace && !slices.Contains(ns, s.Namespace) {
			t.Errorf("the ServiceMonitor in %q does not look into %q", m.Namespace, s.Namespace)
		}
		for _, set := range o.statefulSets {
			if labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(set.Spec.Template.Labels)) {
				found[set.Name]++
			}
		}
	}
	for _, set := range o.statefulSets {
		if found[set.Name] != 1 {
			t.Errorf("the ServiceMonitor finds the pods of %s %d times", set.Name, found[set.Name])
		}
	}
}

func selects(t *testing.T, what string, selector *metav1.LabelSelector, set map[string]string) {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if s.Empty() || !s.Matches(labels.Set(set)) {
		t.Errorf("%s selects %q, which does not match %v", what, s, set)
	}
}

func hasPort(t *testing.T, what string, port intstr.IntOrString, pod corev1.PodSpec) {
	t.Helper()
	for _, c := range pod.Containers {
		for _, p := range c.Ports {
			if p.Name == port.StrVal || (port.Type == intstr.Int && p.ContainerPort == port.IntVal) {
				return
			}
		}
	}
	t.Errorf("%s names port %s, which no container has", what, port.String())
}

// checkMounts wants each mount to have a volume, and each volume a mount.
func checkMounts(t *testing.T, pod corev1.PodSpec, volumes map[string]bool) {
	t.Helper()
	used := map[string]bool{}
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		for _, m := range c.VolumeMounts {
			used[m.Name] = true
			if !volumes[m.Name] {
				t.Errorf("container %s mounts volume %s, which does not exist", c.Name, m.Name)
			}
		}
	}
	for v := range volumes {
		if !used[v] {
			t.Errorf("volume %s is mounted nowhere", v)
		}
	}
}

// checkHardened holds a pod to the restricted Pod Security Standard, by the code that enforces it in a cluster, and to what goes beyond it.
func checkHardened(t *testing.T, pod corev1.PodSpec) {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, r := range evaluator.EvaluatePod(restricted, &metav1.ObjectMeta{}, &pod) {
		if !r.Allowed {
			t.Errorf("not within the restricted standard: %s: %s", r.ForbiddenReason, r.ForbiddenDetail)
		}
	}
	for _, wrong := range weaknesses(pod) {
		t.Error(wrong)
	}
}

// weaknesses lists what a careful operator would object to.
func weaknesses(pod corev1.PodSpec) (list []string) {
	wrong := func(is bool, what string) {
		if is {
			list = append(list, what)
		}
	}
	yes := func(b *bool) bool { return b != nil && *b }
	no := func(b *bool) bool { return b != nil && !*b }

	wrong(pod.HostNetwork || pod.HostPID || pod.HostIPC, "it sees the host's network, processes or IPC")
	wrong(!no(pod.AutomountServiceAccountToken), "it has a token for Kubernetes")
	wrong(!no(pod.EnableServiceLinks), "it is told every Service of its namespace")
	wrong(pod.ServiceAccountName == "", "it has no account of its own")
	s := pod.SecurityContext
	if s == nil {
		return append(list, "it has no security context")
	}
	wrong(!yes(s.RunAsNonRoot), "it may run as root")
	wrong(s.RunAsUser == nil || *s.RunAsUser < 10000, "its user may be one of the host's")
	wrong(s.FSGroup == nil, "it may be unable to write its volume")
	wrong(s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault, "it has no seccomp profile")
	for _, v := range pod.Volumes {
		wrong(v.HostPath != nil, "volume "+v.Name+" is the host's")
		if v.Secret != nil {
			wrong(v.Secret.DefaultMode == nil || *v.Secret.DefaultMode&0o007 != 0, "secret "+v.Name+" can be read by others")
		}
	}
	for _, c := range pod.Containers {
		list = append(list, containerWeaknesses(c)...)
	}
	return list
}

func containerWeaknesses(c corev1.Container) (list []string) {
	wrong := func(is bool, what string) {
		if is {
			list = append(list, "container "+c.Name+" "+what)
		}
	}
	wrong(!strings.ContainsAny(c.Image[strings.LastIndex(c.Image, "/")+1:], ":@"), "does not say which version of its image")
	wrong(strings.HasSuffix(c.Image, ":latest"), "takes whatever is latest")
	_, memory := c.Resources.Limits[corev1.ResourceMemory]
	wrong(!memory, "may take all memory")
	wrong(len(c.Resources.Requests) < 2, "does not say what it needs")
	for _, e := range c.Env {
		name := strings.ToUpper(e.Name)
		wrong(strings.Contains(name, "TOKEN") || strings.Contains(name, "KEY"), "has a secret in its environment")
	}
	s := c.SecurityContext
	if s == nil {
		return append(list, "container "+c.Name+" has no security context")
	}
	wrong(s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation, "may gain rights")
	wrong(s.Privileged == nil || *s.Privileged, "may be privileged")
	wrong(s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem, "can write its root file system")
	wrong(s.Capabilities == nil || !slices.Contains(s.Capabilities.Drop, "ALL") || len(s.Capabilities.Add) > 0, "has capabilities")
	for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe} {
		wrong(p == nil && len(c.Ports) > 0, "is not probed")
	}
	return list
}

// What is not there cannot be told from what was forgotten: each weakness is made once, and must be seen.
func TestWeaknessesAreSeen(t *testing.T) {
	strong := func(t *testing.T) corev1.PodSpec {
		return kustomize(t, "gateway").statefulSets[0].Spec.Template.Spec
	}
	if got := weaknesses(strong(t)); len(got) > 0 {
		t.Fatal(got)
	}
	for name, weaken := range map[string]func(*corev1.PodSpec){
		"may run as root":        func(p *corev1.PodSpec) { p.SecurityContext.RunAsNonRoot = nil },
		"one of the host's":      func(p *corev1.PodSpec) { *p.SecurityContext.RunAsUser = 1000 },
		"no seccomp profile":     func(p *corev1.PodSpec) { p.SecurityContext.SeccompProfile.Type = "Unconfined" },
		"no security context":    func(p *corev1.PodSpec) { p.SecurityContext = nil },
		"a token for Kubernetes": func(p *corev1.PodSpec) { p.AutomountServiceAccountToken = nil },
		"sees the host":          func(p *corev1.PodSpec) { p.HostNetwork = true },
		"can be read by others":  func(p *corev1.PodSpec) { *p.Volumes[0].Secret.DefaultMode = 0o444 },
		"can write its root":     func(p *corev1.PodSpec) { p.Containers[0].SecurityContext.ReadOnlyRootFilesystem = nil },
		"has capabilities": func(p *corev1.PodSpec) {
			p.Containers[0].SecurityContext.Capabilities.Add = []corev1.Capability{"NET_RAW"}
		},
		"may gain rights":                                 func(p *corev1.PodSpec) { p.Containers[0].SecurityContext.AllowPrivilegeEscalation = nil },
		"may take all memory":                             func(p *corev1.PodSpec) { p.Containers[0].Resources.Limits = nil },
		"is not probed":                                   func(p *corev1.PodSpec) { p.Containers[0].ReadinessProbe = nil },
		"which version of its image":                      func(p *corev1.PodSpec) { p.Containers[0].Image = "localhost:5000/hoop_exporter" },
		"whatever is latest":                              func(p *corev1.PodSpec) { p.Containers[0].Image = "hoop_exporter:latest" },
		"a secret in its environment":                     func(p *corev1.PodSpec) { p.Containers[0].Env = []corev1.EnvVar{{Name: "HOOP_TOKEN"}} },
		"every Service of its name":                       func(p *corev1.PodSpec) { p.EnableServiceLinks = nil },
		"container hoop-exporter has no security context": func(p *corev1.PodSpec) { p.Containers[0].SecurityContext = nil },
	} {
		t.Run(name, func(t *testing.T) {
			pod := strong(t)
			weaken(&pod)
			if got := weaknesses(pod); len(got) != 1 || !strings.Contains(got[0], name) {
				t.Errorf("got %q, want one that says %q", got, name)
			}
		})
	}
}
