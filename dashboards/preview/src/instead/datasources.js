// In place of @grafana/plugin-compat/datasources, which tries functions of several versions of @grafana/runtime by name: a bundler finds that half of
// them are not there. What is left is the way that it takes with the version that is pinned.
import { getDataSourceSrv } from '@grafana/runtime';

export async function getDataSourceInstance(ref, scopedVars) {
  return getDataSourceSrv().get(ref, scopedVars);
}

export async function getDataSourceInstanceList(filters) {
  return getDataSourceSrv().getList(filters);
}

export async function getDefaultDataSourceInstanceListItem() {
  return getDataSourceSrv().getInstanceSettings(null);
}
