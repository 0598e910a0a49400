package check

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// objects are manifests, decoded strictly into the API's own types.
type objects struct {
	all          []metav1.Object
	statefulSets []*appsv1.StatefulSet
	deployments  []*appsv1.Deployment
	pods         []*corev1.Pod
	services     []*corev1.Service
	accounts     []*corev1.ServiceAccount
	configMaps   []*corev1.ConfigMap
	policies     []*networkingv1.NetworkPolicy
	budgets      []*policyv1.PodDisruptionBudget
	ingresses    []*networkingv1.Ingress
	monitors     []*monitoringv1.ServiceMonitor
	podMonitors  []*monitoringv1.PodMonitor
	rules        []*monitoringv1.PrometheusRule
	scrapes      []*monitoringv1alpha1.ScrapeConfig
	secrets      []*corev1.Secret
}

// workload is what runs exporters: a StatefulSet of one, or a Deployment of several.
type workload struct {
	kind, name string
	replicas   *int32
	selector   *metav1.LabelSelector
	pod        corev1.PodTemplateSpec
	claims     []corev1.PersistentVolumeClaim // made for each pod
}

// workloads lists them.
func (o *objects) workloads() (list []workload) {
	for _, s := range o.statefulSets {
		list = append(list, workload{"StatefulSet", s.Name, s.Spec.Replicas, s.Spec.Selector, s.Spec.Template, s.Spec.VolumeClaimTemplates})
	}
	for _, d := range o.deployments {
		list = append(list, workload{"Deployment", d.Name, d.Spec.Replicas, d.Spec.Selector, d.Spec.Template, nil})
	}
	return list
}

// exporter is the container of the one workload that there is.
func (o *objects) exporter(t *testing.T) corev1.Container {
	t.Helper()
	list := o.workloads()
	if len(list) != 1 {
		t.Fatalf("there are %d StatefulSets and Deployments", len(list))
	}
	return list[0].pod.Spec.Containers[0]
}

// decode reads a stream of manifests. A field that the API does not know, or that is there twice, is an error.
func decode(manifests []byte) (*objects, error) {
	o := &objects{}
	for i, document := range bytes.Split(append([]byte("\n"), manifests...), []byte("\n---")) {
		var meta struct {
			metav1.TypeMeta `json:",inline"`
		}
		if err := yaml.Unmarshal(document, &meta); err != nil {
			return nil, fmt.Errorf("document %d: %w", i, err)
		}
		if meta.APIVersion == "" && meta.Kind == "" && empty(document) {
			continue
		}
		if err := o.add(meta.TypeMeta, document); err != nil {
			return nil, fmt.Errorf("document %d, %s %s: %w", i, meta.APIVersion, meta.Kind, err)
		}
	}
	return o, nil
}

func (o *objects) add(meta metav1.TypeMeta, document []byte) error {
	switch meta.APIVersion + " " + meta.Kind {
	case "apps/v1 StatefulSet":
		return into(o, &o.statefulSets, document)
	case "apps/v1 Deployment":
		return into(o, &o.deployments, document)
	case "v1 Pod":
		return into(o, &o.pods, document)
	case "v1 Service":
		return into(o, &o.services, document)
	case "v1 ServiceAccount":
		return into(o, &o.accounts, document)
	case "v1 ConfigMap":
		return into(o, &o.configMaps, document)
	case "networking.k8s.io/v1 NetworkPolicy":
		return into(o, &o.policies, document)
	case "networking.k8s.io/v1 Ingress":
		return into(o, &o.ingresses, document)
	case "policy/v1 PodDisruptionBudget":
		return into(o, &o.budgets, document)
	case "monitoring.coreos.com/v1 ServiceMonitor":
		return into(o, &o.monitors, document)
	case "monitoring.coreos.com/v1 PodMonitor":
		return into(o, &o.podMonitors, document)
	case "v1 Secret":
		return into(o, &o.secrets, document)
	case "monitoring.coreos.com/v1alpha1 ScrapeConfig":
		return into(o, &o.scrapes, document)
	case "monitoring.coreos.com/v1 PrometheusRule":
		return into(o, &o.rules, document)
	}
	return fmt.Errorf("no type is known for this kind")
}

// into decodes a document strictly and keeps it.
func into[T any, P interface {
	*T
	metav1.Object
}](o *objects, list *[]P, document []byte) error {
	var t T
	if err := strict(document, &t); err != nil {
		return err
	}
	if P(&t).GetName() == "" {
		return fmt.Errorf("it has no name")
	}
	o.all = append(o.all, P(&t))
	*list = append(*list, &t)
	return nil
}

// strict reads YAML as the API server does with strict validation: no unknown field, no other case, nothing twice.
func strict(document []byte, t any) error {
	content, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return err
	}
	unknown, err := json.UnmarshalStrict(content, t)
	return errors.Join(append(unknown, err)...)
}

// empty tells whether a document has nothing but comments.
func empty(document []byte) bool {
	for line := range strings.Lines(string(document)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			return false
		}
	}
	return true
}

func TestDecodeIsStrict(t *testing.T) {
	service := "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n"
	for name, c := range map[string]struct{ manifest, err string }{
		"known fields":        {service + "spec:\n  type: ClusterIP\n", ""},
		"only a comment":      {"# nothing\n", ""},
		"an unknown field":    {service + "spec:\n  tipe: ClusterIP\n", `unknown field "spec.tipe"`},
		"another case":        {service + "Spec:\n  type: ClusterIP\n", `unknown field "Spec"`},
		"a field twice":       {service + "kind: Service\n", "already set"},
		"an unknown kind":     {"apiVersion: v1\nkind: Servise\nmetadata: {name: a}\n", "no type is known"},
		"no kind":             {"metadata: {name: a}\n", "no type is known"},
		"a wrong type":        {service + "spec:\n  ports: 1\n", "cannot unmarshal"},
		"the second document": {service + "---\n" + service + "spec:\n  x: 1\n", "unknown field"},
		"no name":             {"apiVersion: v1\nkind: Service\n", "no name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decode([]byte(c.manifest))
			if c.err == "" && err != nil {
				t.Fatal(err)
			}
			if c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Fatalf("got error %v, want %q", err, c.err)
			}
		})
	}
}
