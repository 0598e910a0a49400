// What may be wrong in a picture, each with the reason. kind is one of empty, error, warning, cut and overlap. An entry that is not needed fails the check.
export const expected = [
  {
    dashboard: 'access', panel: 12, kind: 'cut',
    reason: 'The legend is a table. The text "Series color" is for screen readers only.',
  },
  {
    dashboard: 'reviews', panel: 11, kind: 'cut',
    reason: 'The legend is a table. The text "Series color" is for screen readers only.',
  },
  {
    dashboard: 'access', panel: 25, kind: 'empty',
    reason: 'The simulated exporters run without --collect.agents, as most do.',
  },
  {
    dashboard: 'exporter', panel: 31, kind: 'empty',
    reason: 'The simulated exporters use API keys, which do not expire.',
  },
  {
    dashboard: 'exporter', panel: 33, kind: 'empty',
    reason: 'The simulated exporters use API keys, which do not expire.',
  },
];
