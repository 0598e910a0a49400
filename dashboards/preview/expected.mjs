// What may be wrong in a picture, each with the reason. kind is one of empty, error, warning, cut and overlap. An entry that is not needed fails the check.
export const expected = [
  {
    dashboard: 'access', panel: 22, kind: 'cut',
    reason: 'The ID of a session is a link. Its beginning is enough to tell one from another.',
  },
  {
    dashboard: 'reviews', panel: 19, kind: 'cut',
    reason: 'The ID of a session is a link. Its beginning is enough to tell one from another.',
  },
];
