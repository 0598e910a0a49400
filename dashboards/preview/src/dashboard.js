// The scene of a dashboard: what Grafana makes of a dashboard's JSON, with the same parts.
import {
  ConstantVariable, CustomVariable, DataSourceVariable, EmbeddedScene, IntervalVariable, QueryVariable, RuntimeDataSource, SceneDataLayerSet, SceneDataTransformer,
  SceneGridItem, SceneGridLayout, SceneGridRow, SceneQueryRunner, SceneRefreshPicker, SceneControlsSpacer, SceneTimePicker, SceneTimeRange, SceneVariableSet, TextBoxVariable,
  VariableValueSelectors, VizPanel, dataLayers, sceneGraph, sceneUtils,
} from '@grafana/scenes';
import { Observable } from 'rxjs';
import { DashboardLinks, PanelLinks } from './links.jsx';

const otherPanels = '-- Dashboard --';

// OtherPanels is Grafana's data source for panels that show what another panel has asked for.
class OtherPanels extends RuntimeDataSource {
  query(request) {
    const [target] = request.targets;
    const root = request.scopedVars.__sceneObject.value.valueOf().getRoot();
    const panel = sceneGraph.findByKey(root, `panel-${target.panelId}`);
    const runner = panel.state.$data instanceof SceneDataTransformer && !target.withTransforms ? panel.state.$data.state.$data : panel.state.$data;
    return new Observable((subscriber) => {
      const send = (data) => {
        if (!data || data.state === 'Loading' || data.state === 'NotStarted') {
          return;
        }
        const exemplars = data.annotations?.filter((f) => f.meta?.custom?.resultType === 'exemplar') ?? [];
        const frames = target.topic === 'annotations' ? exemplars.map((f) => ({ ...f, meta: { ...f.meta, dataTopic: undefined } })) : data.series;
        subscriber.next({ data: frames, state: data.state, errors: data.errors });
        subscriber.complete();
      };
      send(runner.state.data);
      const subscription = runner.subscribeToState((state) => send(state.data));
      return () => subscription.unsubscribe();
    });
  }

  async testDatasource() {
    return { status: 'success', message: '' };
  }
}

export function registerOtherPanels() {
  sceneUtils.registerRuntimeDataSource({ dataSource: new OtherPanels('datasource', otherPanels) });
}

export function sceneOf(dashboard, { from, to }, others) {
  const variables = (dashboard.templating?.list ?? []).map(variableOf);
  const layers = (dashboard.annotations?.list ?? []).filter((a) => !a.builtIn).map((annotation) =>
    new dataLayers.AnnotationsDataLayer({ name: annotation.name, query: annotation, isEnabled: Boolean(annotation.enable), isHidden: Boolean(annotation.hide) }));
  return new EmbeddedScene({
    $timeRange: new SceneTimeRange({ from, to, timeZone: 'utc' }),
    $variables: new SceneVariableSet({ variables }),
    $data: layers.length > 0 ? new SceneDataLayerSet({ layers }) : undefined,
    controls: [
      new VariableValueSelectors({}), new SceneControlsSpacer(), new DashboardLinks({ links: dashboard.links ?? [], others, own: dashboard.uid }),
      new SceneTimePicker({}), new SceneRefreshPicker({ refresh: dashboard.refresh }),
    ],
    body: new SceneGridLayout({ isLazy: false, children: childrenOf(dashboard.panels) }),
  });
}

function variableOf(v) {
  const common = { name: v.name, label: v.label, description: v.description, hide: v.hide, skipUrlSync: true };
  const multi = { isMulti: v.multi, includeAll: v.includeAll, allValue: v.allValue, value: v.current?.value, text: v.current?.text };
  switch (v.type) {
    case 'datasource':
      return new DataSourceVariable({ ...common, ...multi, pluginId: v.query, regex: v.regex });
    case 'query':
      return new QueryVariable({ ...common, ...multi, query: v.query, datasource: v.datasource, regex: v.regex, sort: v.sort, refresh: v.refresh });
    case 'custom':
      return new CustomVariable({ ...common, ...multi, query: v.query });
    case 'interval':
      return new IntervalVariable({ ...common, value: v.current?.value, intervals: v.query.split(','), autoEnabled: v.auto, autoMinInterval: v.auto_min, autoStepCount: v.auto_count });
    case 'constant':
      return new ConstantVariable({ ...common, value: v.query });
    case 'textbox':
      return new TextBoxVariable({ ...common, value: v.current?.value ?? v.query ?? '' });
    default:
      throw new Error(`variables of type ${v.type} cannot be shown by the preview: ${v.name}`);
  }
}

// childrenOf returns the rows and panels of a dashboard. Rows are opened: a picture shows what a person would see after a click.
function childrenOf(panels) {
  const children = [];
  let row;
  let shift = 0;
  for (const panel of panels) {
    if (panel.type !== 'row') {
      const item = itemOf(panel, shift);
      if (row) row.state.children.push(item);
      else children.push(item);
      continue;
    }
    row = new SceneGridRow({ key: `panel-${panel.id}`, title: panel.title, y: panel.gridPos.y + shift, isCollapsed: false, isCollapsible: true, children: [] });
    children.push(row);
    if (panel.collapsed) {
      for (const inner of panel.panels) {
        row.state.children.push(itemOf(inner, shift));
      }
      const bottom = Math.max(...panel.panels.map((inner) => inner.gridPos.y + inner.gridPos.h));
      shift += bottom - (panel.gridPos.y + 1);
    }
  }
  return children;
}

function itemOf(panel, shift) {
  const { x, y, w, h } = panel.gridPos;
  return new SceneGridItem({ key: `item-${panel.id}`, x, y: y + shift, width: w, height: h, isDraggable: false, isResizable: false, body: vizOf(panel) });
}

function vizOf(panel) {
  return new VizPanel({
    key: `panel-${panel.id}`, title: panel.title, description: panel.description, pluginId: panel.type, options: structuredClone(panel.options ?? {}),
    fieldConfig: structuredClone(panel.fieldConfig ?? { defaults: {}, overrides: [] }), displayMode: panel.transparent ? 'transparent' : 'default', hoverHeader: !panel.title,
    titleItems: panel.links?.length > 0 ? [new PanelLinks({ links: panel.links })] : [],
    $data: panel.targets ? new SceneDataTransformer({
      transformations: panel.transformations ?? [],
      $data: new SceneQueryRunner({
        queries: panel.targets, datasource: panel.datasource, maxDataPoints: panel.maxDataPoints, minInterval: panel.interval,
        dataLayerFilter: { panelId: panel.id },
      }),
    }) : undefined,
  });
}
