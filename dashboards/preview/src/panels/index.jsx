// The panels that dashboards use, drawn with the components that Grafana publishes. Grafana's own panels put a little around these components:
// that little is here, and README.md lists what is missing.
import { PanelPlugin } from '@grafana/data';
import { custom } from '../registries.js';
import { BarGaugePanel } from './bargauge.jsx';
import { StatPanel } from './stat.jsx';
import { StateTimelinePanel } from './statetimeline.jsx';
import { TablePanel } from './table.jsx';
import { TextPanel } from './text.jsx';
import { TimeSeriesPanel } from './timeseries.jsx';

const hideFrom = { tooltip: false, viz: false, legend: false };

function plugin(id, component, options = {}) {
  const made = new PanelPlugin(component);
  made.meta = { id, name: id, type: 'panel', info: { version: '', logos: { small: '', large: '' } }, module: '', baseUrl: '', sort: 0, ...options.meta };
  made.setDataSupport({ annotations: true, alertStates: true });
  if (options.custom) {
    made.useFieldConfig({ useCustomConfig: custom(options.custom) });
  } else {
    made.useFieldConfig();
  }
  return made;
}

export const plugins = {
  timeseries: plugin('timeseries', TimeSeriesPanel, {
    custom: {
      drawStyle: 'line', lineInterpolation: 'linear', barAlignment: 0, barWidthFactor: 0.6, lineWidth: 1, fillOpacity: 0, gradientMode: 'none',
      fillBelowTo: undefined, lineStyle: { fill: 'solid' }, spanNulls: false, insertNulls: false, showPoints: 'auto', showValues: false, pointSize: 5,
      stacking: { mode: 'none', group: 'A' }, transform: undefined, axisPlacement: 'auto', axisLabel: '', axisWidth: undefined, axisSoftMin: undefined,
      axisSoftMax: undefined, axisGridShow: undefined, axisCenteredZero: false, axisColorMode: 'text', axisBorderShow: false,
      scaleDistribution: { type: 'linear' }, hideFrom, thresholdsStyle: { mode: 'off' },
    },
  }),
  stat: plugin('stat', StatPanel),
  bargauge: plugin('bargauge', BarGaugePanel),
  table: plugin('table', TablePanel, {
    custom: {
      align: 'auto', cellOptions: { type: 'auto' }, inspect: false, width: undefined, minWidth: undefined, filterable: undefined, hidden: false,
      hideFrom, wrapText: false, wrapHeaderText: false, footer: undefined, tooltip: undefined,
    },
  }),
  'state-timeline': plugin('state-timeline', StateTimelinePanel, {
    custom: { lineWidth: 0, fillOpacity: 70, spanNulls: false, insertNulls: false, hideFrom, axisPlacement: 'auto', axisWidth: undefined },
  }),
  text: plugin('text', TextPanel, { meta: { skipDataQuery: true } }),
};
