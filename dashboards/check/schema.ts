// What a dashboard of ours may say: Grafana's own types, with those of a panel's options and of its queries, which Grafana leaves open.
// Unknown fields, wrong values and missing ones are errors. The test writes each dashboard into a file beside this one, and runs tsc.
import type { AnnotationQuery, Dashboard, DataSourceRef, FieldConfig, MatcherConfig, Panel } from '@grafana/schema';
import type * as stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as stateTimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as timeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

// JSON has the values of Grafana's enums, not their names.
type Plain<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;

// The types of Prometheus queries are not in @grafana/schema, but in @grafana/prometheus, which brings half of Grafana with it.
interface PrometheusQuery {
  datasource: DataSourceRef;
  editorMode: 'code';
  exemplar?: boolean;
  expr: string;
  format?: 'time_series' | 'table' | 'heatmap';
  instant: boolean;
  legendFormat?: string;
  range: boolean;
  refId: string;
}

// What another panel of the same dashboard has already asked for.
interface DashboardQuery {
  datasource: { type: 'datasource'; uid: '-- Dashboard --' };
  panelId: number;
  refId: string;
  topic: 'annotations';
}

interface DataLink {
  targetBlank: boolean;
  title: string;
  url: string;
}

interface Override<Custom> {
  matcher: Omit<MatcherConfig, 'id' | 'options'> & { id: 'byName' | 'byRegexp'; options: string };
  properties: Array<{ id: Exclude<keyof FieldConfig, 'custom'> | `custom.${keyof Custom & string}`; value: unknown }>;
}

interface PanelOf<Type extends string, Options, Custom> extends Omit<Panel, 'fieldConfig' | 'options' | 'targets' | 'type'> {
  description: string;
  fieldConfig: {
    defaults: Omit<FieldConfig, 'custom' | 'links'> & { custom?: Custom; links?: DataLink[] };
    overrides: Array<Override<Custom>>;
  };
  options: Options;
  targets: Array<PrometheusQuery | DashboardQuery>;
  type: Type;
}

type AnyPanel =
  | PanelOf<'stat', stat.Options, never>
  | PanelOf<'state-timeline', stateTimeline.Options, stateTimeline.FieldConfig>
  | PanelOf<'table', table.Options, table.FieldConfig>
  | PanelOf<'timeseries', timeSeries.Options, timeSeries.FieldConfig>;

// Grafana adds to annotations what the data source understands.
type Annotation = Omit<AnnotationQuery, 'target'> & {
  target?: { expr: string; refId: string };
  textFormat?: string;
  titleFormat?: string;
  useValueForTime?: boolean;
};

export type OurDashboard = Plain<
  Omit<Dashboard, 'annotations' | 'panels'> & { annotations: { list: Annotation[] }; panels: AnyPanel[] }
>;
