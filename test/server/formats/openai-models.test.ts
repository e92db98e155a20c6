import { describe, expect, it } from 'vitest';
import { openaiModel, openaiModels } from '../../../server/formats/openai-models.ts';

const models = [{ id: 'fast', createdAt: 1_700_000_000_500 }, { id: 'smart' }];

describe('the list of models', () => {
  it('has the shape of OpenAI', () => {
    expect(openaiModels(models, 'req-1')).toEqual({
      status: 200,
      headers: { 'x-request-id': 'req-1' },
      body: {
        object: 'list',
        data: [
          { id: 'fast', object: 'model', created: 1_700_000_000, owned_by: 'sluice' },
          { id: 'smart', object: 'model', created: 0, owned_by: 'sluice' },
        ],
      },
    });
  });

  it('has one model by its name, and says which field names another', () => {
    expect(openaiModel(models, 'smart', 'req-1').body).toMatchObject({ id: 'smart' });
    expect(openaiModel(models, 'other', 'req-1')).toMatchObject({
      status: 404,
      body: { error: { code: 'model_not_found', param: 'model', type: 'invalid_request_error' } },
    });
  });
});
