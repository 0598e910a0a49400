package check

import (
	"fmt"
	"path"
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

// checkTogether compares objects with each other: selectors that select, ports that exist, volumes that are mounted.
func checkTogether(t *testing.T, o *objects) {
	t.Helper()
	if len(o.workloads()) != 1 || len(o.services) != 1 {
		t.Fatalf("got %d StatefulSets and Deployments, and %d Services", len(o.workloads()), len(o.services))
	}
	checkWorkload(t, o, o.workloads()[0])
	for _, m := range o.monitors {
		checkMonitor(t, o, m)
	}
	for _, m := range o.podMonitors {
		checkPodMonitor(t, o, m)
	}
	for _, i := range o.ingresses {
		checkIngress(t, o, i)
	}
	accounts := map[string]bool{"default": true}
	for _, a := range o.accounts {
		accounts[a.Name] = true
		if a.AutomountServiceAccountToken == nil || *a.AutomountServiceAccountToken {
			t.Errorf("ServiceAccount %s hands out a token", a.Name)
		}
	}
	for _, p := range o.pods { // of "helm test"
		checkMemory(t, p.Spec.Containers[0])
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

// checkWorkload compares what runs exporters with the objects that it needs.
func checkWorkload(t *testing.T, o *objects, w workload) {
	t.Helper()
	pod := w.pod
	database := slices.ContainsFunc(pod.Spec.Containers[0].Args, func(a string) bool { return strings.HasPrefix(a, "--state.postgres-url-file=") })
	if w.replicas == nil || *w.replicas != 1 && !database {
		t.Errorf("exporters of the same gateway would write one state: replicas is %v", w.replicas)
	}
	if database {
		checkShares(t, o, w)
	} else if w.kind != "StatefulSet" || len(o.budgets) > 0 {
		t.Errorf("a single exporter is a %s, with %d budgets", w.kind, len(o.budgets))
	}
	selects(t, w.kind, w.selector, pod.Labels)
	checkHardened(t, pod.Spec)
	service := o.services[0]
	for _, s := range o.statefulSets {
		if s.Spec.ServiceName != service.Name {
			t.Errorf("the StatefulSet names Service %q, which is not there", s.Spec.ServiceName)
		}
		if s.Spec.PodManagementPolicy != appsv1.ParallelPodManagement {
			t.Error("a corrected pod would not replace one that cannot start: set podManagementPolicy to Parallel")
		}
	}
	selects(t, "Service", &metav1.LabelSelector{MatchLabels: service.Spec.Selector}, pod.Labels)
	for _, p := range service.Spec.Ports {
		hasPort(t, "Service", p.TargetPort, pod.Spec)
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
	}
	for _, c := range w.claims {
		mounted[c.Name] = true
	}
	checkMounts(t, pod.Spec, mounted)
	checkMemory(t, pod.Spec.Containers[0])
}

// checkShares wants exporters that share a database to keep nothing by themselves, to be reached by their pods' addresses, and not to go
// all at once.
func checkShares(t *testing.T, o *objects, w workload) {
	t.Helper()
	container := w.pod.Spec.Containers[0]
	if w.kind != "Deployment" || *w.replicas < 2 || len(o.budgets) != 1 {
		t.Errorf("a fleet is a %s of %d, with %d budgets", w.kind, *w.replicas, len(o.budgets))
	}
	if len(w.pod.Spec.TopologySpreadConstraints) == 0 {
		t.Error("all pods may be on one node")
	}
	var file, url string
	for _, a := range container.Args {
		switch flag, value, _ := strings.Cut(a, "="); flag {
		case "--state.dir":
			t.Errorf("it keeps its state in a folder too: %s", a)
		case "--state.postgres-url-file":
			file = value
		case "--web.external-url":
			url = value
		}
	}
	port := fmt.Sprintf(":%d", container.Ports[0].ContainerPort)
	if !slices.Contains([]string{"http://$(POD_IP)" + port, "https://$(POD_IP)" + port}, url) {
		t.Errorf("scrapes are redirected to %q", url)
	}
	if !slices.ContainsFunc(container.Env, func(e corev1.EnvVar) bool {
		return e.Name == "POD_IP" && e.ValueFrom != nil && e.ValueFrom.FieldRef != nil && e.ValueFrom.FieldRef.FieldPath == "status.podIP"
	}) {
		t.Error("the pods do not know their addresses")
	}
	mount := slices.IndexFunc(container.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == path.Dir(file) })
	if mount < 0 {
		t.Fatalf("%s is mounted nowhere", file)
	}
	if !slices.ContainsFunc(w.pod.Spec.Volumes, func(v corev1.Volume) bool {
		return v.Name == container.VolumeMounts[mount].Name && v.Secret != nil && len(v.Secret.Items) == 1 && v.Secret.Items[0].Path == path.Base(file)
	}) {
		t.Errorf("no Secret has %s", file)
	}
	for _, v := range w.pod.Spec.Volumes {
		if v.PersistentVolumeClaim != nil || v.EmptyDir != nil {
			t.Errorf("volume %s is for a state that is in the database", v.Name)
		}
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
				t.Errorf("the ServiceMonitor names port %q, which Service %s does not have", e.Port, s.Name)
			}
		}
		if ns := m.Spec.NamespaceSelector.MatchNames; m.Namespace != s.Namespace && !slices.Contains(ns, s.Namespace) {
			t.Errorf("the ServiceMonitor in %q does not look into %q", m.Namespace, s.Namespace)
		}
		for _, w := range o.workloads() {
			if labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(w.pod.Labels)) {
				found[w.name]++
			}
		}
	}
	for _, w := range o.workloads() {
		if found[w.name] != 1 {
			t.Errorf("the ServiceMonitor finds the pods of %s %d times", w.name, found[w.name])
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

// checkHardened checks a pod against the restricted Pod Security Standard, by the code that enforces it in a cluster, and to what goes
// beyond it.
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
