// The page that draws one dashboard: /?dashboard=access&theme=light
import { createTheme, ThemeContext } from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { sceneGraph, VizPanel } from '@grafana/scenes';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { createRoot } from 'react-dom/client';
import { registerOtherPanels, sceneOf } from './dashboard.js';
import { busy, inspect } from './inspect.js';
import { fillRegistries } from './registries.js';
import { startServices } from './services.js';

async function start() {
  const parameters = new URLSearchParams(location.search);
  const theme = createTheme({ colors: { mode: parameters.get('theme') ?? 'light' } });
  const { dashboards, scrapeInterval } = await (await fetch('/dashboards')).json();
  const dashboard = dashboards[parameters.get('dashboard')];
  await initPluginTranslations('grafana');
  fillRegistries();
  registerOtherPanels();
  startServices({ scrapeInterval, theme });
  const others = Object.values(dashboards).map(({ uid, title, tags }) => ({ uid, title, tags }));
  const scene = sceneOf(dashboard, dashboard.time, others);
  document.body.style.background = theme.colors.background.canvas;
  const panels = () => sceneGraph.findAllObjects(scene, (object) => object instanceof VizPanel);
  window.preview = { busy: () => busy(panels(), scene), inspect: () => inspect(panels(), scene) };
  createRoot(document.getElementById('root')).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <h1 className="preview-title" style={{ ...theme.typography.h3, color: theme.colors.text.primary }}>{dashboard.title}</h1>
      <div className="preview-body"><scene.Component model={scene} /></div>
      <PortalContainer />
    </ThemeContext.Provider>,
  );
}

start().catch((error) => {
  window.preview = { failed: error.stack };
  document.body.textContent = error.stack;
});
