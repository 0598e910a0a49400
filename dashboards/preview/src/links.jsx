import { SceneObjectBase, sceneGraph } from '@grafana/scenes';
import { Icon, PanelChrome, ToolbarButton } from '@grafana/ui';

// PanelLinks is the mark in a panel's title that opens its links.
export class PanelLinks extends SceneObjectBase {
  static Component = ({ model }) => {
    const { links } = model.useState();
    const titles = links.map((link) => sceneGraph.interpolate(model, link.title)).join('\n');
    const url = sceneGraph.interpolate(model, links[0].url);
    return <PanelChrome.TitleItem title={titles} href={url} target="_blank"><Icon name="external-link-alt" size="md" /></PanelChrome.TitleItem>;
  };
}

// DashboardLinks are the links to other dashboards, beside the time picker.
export class DashboardLinks extends SceneObjectBase {
  static Component = ({ model }) => {
    const { links, others, own } = model.useState();
    return links.flatMap((link) => {
      if (link.type !== 'dashboards') {
        return [<ToolbarButton key={link.title} icon={link.icon} variant="canvas">{sceneGraph.interpolate(model, link.title)}</ToolbarButton>];
      }
      return others
        .filter((other) => other.uid !== own && link.tags.every((tag) => other.tags.includes(tag)))
        .map((other) => <ToolbarButton key={other.uid} icon="apps" variant="canvas">{other.title}</ToolbarButton>);
    });
  };
}
