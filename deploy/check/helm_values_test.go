package check

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chartutil"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// Each value reaches the field of the object that it is named after.
func TestHelmValuesReachTheirFields(t *testing.T) {
	everything, fleet, pods := render(t, values(t, "everything")), render(t, values(t, "fleet")), render(t, values(t, "pods"))
	exporter := everything.exporter(t)
	service, monitor := everything.services[0].Spec, everything.monitors[0].Spec
	endpoint, podMonitor := monitor.Endpoints[0], pods.podMonitors[0]
	ingress := everything.ingresses[0]
	for name, c := range map[string]struct{ got, want any }{
		"updateStrategy":                {string(everything.statefulSets[0].Spec.UpdateStrategy.Type), "OnDelete"},
		"strategy":                      {fleet.deployments[0].Spec.Strategy.RollingUpdate.MaxSurge.IntValue(), 0},
		"startupProbe":                  {exporter.StartupProbe.FailureThreshold, int32(60)},
		"lifecycle":                     {exporter.Lifecycle.PreStop.Sleep.Seconds, int64(5)},
		"global.imageRegistry":          {strings.HasPrefix(exporter.Image, "registry.example.com/mirror/hoop_exporter@sha256:"), true},
		"image.registry":                {strings.HasPrefix(pods.exporter(t).Image, "mirror.example.com/hoop_exporter:"), true},
		"imagePullSecrets":              {everything.pods[0].Spec.ImagePullSecrets, []corev1.LocalObjectReference{{Name: "everywhere"}, {Name: "elsewhere"}, {Name: "mirror"}}},
		"service.type":                  {service.Type, corev1.ServiceTypeNodePort},
		"service.nodePort":              {service.Ports[0].NodePort, int32(30068)},
		"service.clusterIP":             {service.ClusterIP, "10.96.0.68"},
		"service.clusterIP: None":       {pods.services[0].Spec.ClusterIP, corev1.ClusterIPNone},
		"service.ipFamilyPolicy":        {*service.IPFamilyPolicy, corev1.IPFamilyPolicyPreferDualStack},
		"service.ipFamilies":            {service.IPFamilies, []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}},
		"serviceMonitor.annotations":    {everything.monitors[0].Annotations["note"], "metrics"},
		"serviceMonitor.jobLabel":       {monitor.JobLabel, "scrape"},
		"serviceMonitor.targetLabels":   {monitor.TargetLabels, []string{"team"}},
		"serviceMonitor.honorLabels":    {endpoint.HonorLabels, true},
		"serviceMonitor.sampleLimit":    {*monitor.SampleLimit, int64(5_000_000)},
		"podMonitor.namespace":          {podMonitor.Namespace, "monitoring"},
		"podMonitor.labels":             {podMonitor.Labels["release"], "kube-prometheus-stack"},
		"podMonitor.annotations":        {podMonitor.Annotations["note"], "pods"},
		"podMonitor.podTargetLabels":    {podMonitor.Spec.PodTargetLabels, []string{"team"}},
		"serviceMonitor.interval":       {string(podMonitor.Spec.PodMetricsEndpoints[0].Interval), "1m"},
		"prometheusRule.annotations":    {everything.rules[0].Annotations["note"], "alerts"},
		"scrapeConfig.annotations":      {fleet.scrapes[0].Annotations["note"], "gateways"},
		"ingress.className":             {*ingress.Spec.IngressClassName, "nginx"},
		"ingress.labels":                {ingress.Labels["zone"], "inner"},
		"ingress.annotations":           {ingress.Annotations["nginx.ingress.kubernetes.io/auth-type"], "basic"},
		"ingress.tls":                   {ingress.Spec.TLS, []networkingv1.IngressTLS{{Hosts: []string{"hoop-exporter.example.com"}, SecretName: "hoop-exporter-tls"}}},
		"ingress.hosts":                 {paths(ingress), []string{"hoop-exporter.example.com/ Prefix", "metrics.example.com/probe Exact"}},
		"networkPolicy.dnsPorts":        {everything.policies[0].Spec.Egress[0].Ports[0].Port.IntValue(), 1053},
		"networkPolicy.enabled: false":  {len(render(t, values(t, "operator")).policies), 0},
		"podMonitor without the other":  {len(pods.monitors), 0},
		"no annotations, none rendered": {len(fleet.services[0].Annotations), 0},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: got %v, want %v", name, c.got, c.want)
		}
	}
}

func paths(i *networkingv1.Ingress) (list []string) {
	for _, r := range i.Spec.Rules {
		for _, p := range r.HTTP.Paths {
			list = append(list, fmt.Sprintf("%s%s %s", r.Host, p.Path, *p.PathType))
		}
	}
	return list
}

// What is common is on every object, and what an object has of its own goes before it.
func TestHelmCommonMetadataIsOnEveryObject(t *testing.T) {
	own := map[string]string{
		"*v1.Service": "metrics", "*v1.ServiceMonitor": "metrics", "*v1.PrometheusRule": "alerts", "*v1.Pod": "of every object",
	}
	o := render(t, values(t, "everything"))
	for _, x := range o.all {
		kind := fmt.Sprintf("%T", x)
		if strings.HasSuffix(x.GetName(), "-extra") { // of extraObjects, which are the user's own
			continue
		}
		if a := x.GetAnnotations(); a["owner"] != "platform@example.com" || a["note"] == "" || own[kind] != "" && a["note"] != own[kind] {
			t.Errorf("%s %s has annotations %v", kind, x.GetName(), a)
		}
		release := "nobody"
		if kind == "*v1.ServiceMonitor" {
			release = "prometheus"
		}
		if l := x.GetLabels(); l["team"] != "platform" || l["release"] != release || l["app.kubernetes.io/instance"] != "hoop" {
			t.Errorf("%s %s has labels %v", kind, x.GetName(), l)
		}
	}
	pod := o.workloads()[0].pod
	if pod.Labels["team"] != "platform" || pod.Annotations["owner"] != "" {
		t.Errorf("a pod has labels %v and annotations %v", pod.Labels, pod.Annotations)
	}
}

// A label of the user's cannot make the Service, the policy or the monitor lose the pods.
func TestHelmLabelsCannotUndoTheSelectors(t *testing.T) {
	v := values(t, "gateway")
	v["commonLabels"] = map[string]any{"app.kubernetes.io/name": "x"}
	v["podLabels"] = map[string]any{"app.kubernetes.io/instance": "y"}
	v["serviceMonitor"] = map[string]any{"enabled": true}
	v["service"] = map[string]any{"labels": map[string]any{"app.kubernetes.io/name": "z"}}
	checkTogether(t, render(t, v))
}

// With a NetworkPolicy the exporter reaches what it is configured to reach: names, gateways, proxies, the issuer of its tokens, the
// database.
func TestHelmNetworkPolicyLetsOutWhatIsNeeded(t *testing.T) {
	gateway := func(url string) string { return "hoop: {url: '" + url + "', existingSecret: s}\n" }
	file := func(content string) string { return "config: {file: {" + content + "}}\n" }
	for name, c := range map[string]struct {
		values string
		want   []int32
	}{
		"https":                       {gateway("https://h"), []int32{443}},
		"http":                        {gateway("http://h/api"), []int32{80}},
		"a port":                      {gateway("https://h:8443/api"), []int32{8443}},
		"an IPv6 address":             {gateway("https://[2001:db8::1]"), []int32{443}},
		"an IPv6 address with a port": {gateway("https://[2001:db8::1]:8443"), []int32{8443}},
		"a proxy of the environment":  {gateway("https://h") + "extraEnv: [{name: HTTPS_PROXY, value: 'http://p:3128'}]", []int32{443, 3128}},
		"a proxy without a scheme":    {gateway("https://h") + "extraEnv: [{name: https_proxy, value: 'p:3128'}]", []int32{443, 3128}},
		"a proxy with a login":        {gateway("https://h") + "extraEnv: [{name: HTTP_PROXY, value: 'http://u:p@p:3128/'}]", []int32{443, 3128}},
		"a proxy from a Secret":       {gateway("https://h") + "extraEnv: [{name: HTTPS_PROXY, valueFrom: {secretKeyRef: {name: p, key: u}}}]", []int32{443}},
		"what is not a proxy":         {gateway("https://h") + "extraEnv: [{name: NO_PROXY, value: 'x:1'}]", []int32{443}},
		"proxies of a file": {file("defaults: {http_client_config: {proxy_url: 'http://p:3128'}}, gateways: {a: {url: 'https://a', " +
			"http_client_config: {proxy_url: 'socks5://q'}}}"), []int32{3128, 443, 1080}},
		"an issuer of tokens": {file("gateways: {a: {url: 'http://a', " +
			"http_client_config: {oauth2: {token_url: 'https://i:9443/token', proxy_url: 'https://p'}}}}"), []int32{80, 9443, 443}},
		"a database":                      {file("gateways: {a: {url: 'https://a'}}") + "state: {postgres: {existingSecret: p, port: 6432}}", []int32{443, 6432}},
		"a file in a Secret":              {"config: {existingSecret: f}", []int32{443}},
		"a simulated gateway":             {"demo: true", nil},
		"a simulated gateway and a proxy": {"{demo: true, extraEnv: [{name: HTTPS_PROXY, value: 'http://p:3128'}]}", nil},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := chartutil.ReadValues([]byte(c.values))
			if err != nil {
				t.Fatal(err)
			}
			v["networkPolicy"] = map[string]any{"enabled": true, "egressPorts": []any{}}
			o := render(t, v)
			if got := egress(o.policies[0]); !slices.Equal(got, c.want) {
				t.Errorf("it may reach %v, want %v", got, c.want)
			}
			var names []string
			for _, p := range o.policies[0].Spec.Egress[0].Ports {
				names = append(names, fmt.Sprintf("%s %d", *p.Protocol, p.Port.IntVal))
			}
			if want := []string{"UDP 53", "TCP 53", "UDP 5353", "TCP 5353"}; !slices.Equal(names, want) {
				t.Errorf("the policy allows DNS by %v, want %v", names, want)
			}
			for _, p := range o.pods { // of "helm test"
				selects(t, "NetworkPolicy", &o.policies[0].Spec.PodSelector, p.Labels)
			}
		})
	}
}
