// What Grafana's core puts into the registries of @grafana/data before anything is drawn.
import {
  booleanOverrideProcessor, dataLinksOverrideProcessor, displayNameOverrideProcessor, identityOverrideProcessor, numberOverrideProcessor,
  standardFieldConfigEditorRegistry, standardTransformers, standardTransformersRegistry, stringOverrideProcessor, thresholdsOverrideProcessor,
  unitOverrideProcessor, valueMappingsOverrideProcessor, monacoLanguageRegistry,
} from '@grafana/data';

const noEditor = () => null;

function standard(id, process, more) {
  return { id, path: id, name: id, editor: noEditor, override: noEditor, process, settings: {}, shouldApply: () => true, category: ['Standard options'], ...more };
}

export function fillRegistries() {
  standardFieldConfigEditorRegistry.setInit(() => [
    standard('unit', unitOverrideProcessor),
    standard('min', numberOverrideProcessor),
    standard('max', numberOverrideProcessor),
    standard('fieldMinMax', booleanOverrideProcessor),
    standard('decimals', numberOverrideProcessor, { settings: { min: 0, max: 15, integer: true } }),
    standard('displayName', displayNameOverrideProcessor, { settings: { expandTemplateVars: true } }),
    standard('color', identityOverrideProcessor),
    standard('noValue', stringOverrideProcessor),
    standard('links', dataLinksOverrideProcessor),
    standard('actions', dataLinksOverrideProcessor),
    standard('mappings', valueMappingsOverrideProcessor, { defaultValue: [] }),
    standard('thresholds', thresholdsOverrideProcessor, {
      defaultValue: { mode: 'absolute', steps: [{ value: -Infinity, color: 'green' }, { value: 80, color: 'red' }] },
    }),
    standard('filterable', booleanOverrideProcessor),
  ]);
  const transformers = new Map(Object.values(standardTransformers).map((transformation) => [transformation.id, transformation]));
  standardTransformersRegistry.setInit(() => [...transformers.values()].map((transformation) => ({
    id: transformation.id, name: transformation.name, transformation: async () => transformation, editor: noEditor, imageDark: '', imageLight: '',
  })));
  monacoLanguageRegistry.setInit(() => []);
}

// custom registers field options of a panel, each with its default, as the panel's plugin does.
export function custom(defaults) {
  return (builder) => {
    for (const [path, defaultValue] of Object.entries(defaults)) {
      builder.addCustomEditor({ id: path, path, name: path, editor: noEditor, override: noEditor, process: identityOverrideProcessor, shouldApply: () => true, defaultValue });
    }
  };
}
