// The services of a Grafana that the libraries ask for: data sources, requests, templates, plugins.
import { EventBusSrv, LoadingState, DataTopic, getDefaultTimeRange } from '@grafana/data';
import {
  config, setBackendSrv, setDataSourceSrv, setEchoSrv, setPluginImportUtils, setRunRequest, setTemplateSrv, setAppEvents, setPluginLinksHook,
  setPluginComponentsHook, setLocationSrv, locationService,
} from '@grafana/runtime';
import { sceneGraph } from '@grafana/scenes';
import { PrometheusDatasource } from '@grafana/prometheus';
import { Observable, from } from 'rxjs';
import { resource, run } from './server-side.js';
import { plugins } from './panels/index.jsx';

export function startServices({ scrapeInterval, theme }) {
  config.theme2 = theme;
  config.bootData.user.timezone = 'utc';
  config.bootData.user.weekStart = 'monday';
  Object.assign(config.featureToggles, { publicDashboards: false });
  const appEvents = new EventBusSrv();
  setAppEvents(appEvents);
  setEchoSrv({ flush() {}, addBackend() {}, addEvent() {} });
  setLocationSrv({ update: () => {} });
  setPluginLinksHook(() => ({ links: [], isLoading: false }));
  setPluginComponentsHook(() => ({ components: [], isLoading: false }));
  setTemplateSrv(templates);
  setBackendSrv(backend(scrapeInterval));
  setRunRequest(runRequest);
  setPluginImportUtils({
    getPanelPluginFromCache: (id) => plugins[id],
    importPanelPlugin: async (id) => {
      if (!plugins[id]) {
        throw new Error(`panels of type ${id} cannot be drawn by the preview`);
      }
      return plugins[id];
    },
  });
  const settings = {
    id: 1, uid: 'prometheus', name: 'Prometheus', type: 'prometheus', access: 'proxy', url: '/prometheus', isDefault: true, readOnly: true,
    meta: { id: 'prometheus', name: 'Prometheus', type: 'datasource', info: { logos: { small: '', large: '' } }, builtIn: false, metrics: true, annotations: true, module: '', baseUrl: '' },
    jsonData: { timeInterval: scrapeInterval, httpMethod: 'POST', prometheusType: 'Prometheus', prometheusVersion: '3.0.0', disableRecordingRules: true, manageAlerts: false },
  };
  const source = new PrometheusDatasource(settings, templates);
  setDataSourceSrv({
    get: async () => source,
    getList: () => [settings],
    getInstanceSettings: (ref, vars) => {
      const uid = typeof ref === 'string' ? ref : ref?.uid;
      return !uid || ['prometheus', 'Prometheus'].includes(templates.replace(uid, vars)) ? settings : undefined;
    },
    reload: async () => {},
  });
  locationService.push('/');
}

// templates replaces variables in texts. In dashboards made of scenes each variable belongs to a scene, which scopedVars names.
const templates = {
  replace(text, vars, format) {
    const scene = vars?.__sceneObject?.value?.valueOf();
    return scene && text ? sceneGraph.interpolate(scene, text, vars, format) : text ?? '';
  },
  getVariables: () => [],
  containsTemplate: (text) => /\$\w+|\$\{\w+/.test(text ?? ''),
  updateTimeRange() {},
};

// backend answers the requests of data sources, and refuses all others: there is no Grafana.
function backend(scrapeInterval) {
  async function answer({ url, method = 'GET', data, params }) {
    if (url.startsWith('/api/ds/query')) {
      return run(data, scrapeInterval);
    }
    const [, path] = url.match(/^\/api\/datasources\/uid\/[^/]+\/resources\/(.*)$/) ?? [];
    if (path) {
      return resource(method, path, method === 'GET' ? params : data);
    }
    throw { status: 404, statusText: `the preview has no ${url}`, data: { message: `the preview has no ${url}` }, config: { url } };
  }
  return {
    fetch: (options) => from(answer(options).then((data) => ({ data, status: 200, ok: true, headers: new Headers(), config: options }))),
    get: (url, params) => answer({ url, params }),
    post: (url, data) => answer({ url, method: 'POST', data }),
    datasourceRequest: (options) => answer(options).then((data) => ({ data, status: 200 })),
    request: answer,
    resolveCancelerIfExists() {},
  };
}

// runRequest runs the queries of a panel. Grafana's own is not published; this one does without streaming and without partial results.
function runRequest(source, request, query = source.query.bind(source)) {
  return new Observable((subscriber) => {
    const empty = { series: [], annotations: [], timeRange: request.range ?? getDefaultTimeRange(), request };
    subscriber.next({ ...empty, state: LoadingState.Loading });
    const finish = (response) => {
      const all = response.data ?? [];
      const errors = response.errors ?? (response.error ? [response.error] : undefined);
      subscriber.next({
        ...empty, state: errors ? LoadingState.Error : LoadingState.Done, error: errors?.[0], errors,
        series: all.filter((f) => f.meta?.dataTopic !== DataTopic.Annotations),
        annotations: all.filter((f) => f.meta?.dataTopic === DataTopic.Annotations),
      });
      subscriber.complete();
    };
    const subscription = from(query(request)).subscribe({
      next: finish,
      error: (error) => finish({ data: [], errors: [{ message: error?.message ?? error?.statusText ?? String(error) }] }),
    });
    return () => subscription.unsubscribe();
  });
}
