import { PRESETS, presetNames } from 'sluice/providers/openai';
import type { Preset } from 'sluice/providers/openai';

/** The rows of the table of presets in docs/models.md, made of the presets themselves. */
export function presetTable(): string[] {
  return presetNames.map((name) => {
    const preset: Preset = PRESETS[name];
    const { title, baseURL = 'your own', keyVariable, needsKey, source } = preset;
    const key =
      keyVariable === undefined ? 'none' : `\`${keyVariable}\`${needsKey ? '' : ', if the server wants one'}`;
    const address = baseURL.startsWith('http') ? `\`${baseURL}\`` : baseURL;
    return `| \`${name}\` | ${title} | ${address} | ${key} | \`${preset.name}\` | ${special(preset)} | [page](${source}) |`;
  });
}

function special(preset: Preset): string {
  const said = [
    preset.maxTokensField === undefined ? undefined : '`max_completion_tokens`',
    preset.includeUsage === false ? 'no `stream_options`' : undefined,
    preset.seedField === undefined ? undefined : `\`seed\` is \`${preset.seedField}\``,
    preset.names === false ? 'no names of messages' : undefined,
    preset.refuses === undefined ? undefined : `no ${preset.refuses.map((one) => `\`${one}\``).join(', ')}`,
    preset.json === 'json_object' ? 'JSON without a schema' : undefined,
    preset.json === 'json_schema' ? 'JSON only with a schema' : undefined,
  ];
  return said.filter((one) => one !== undefined).join('; ');
}
