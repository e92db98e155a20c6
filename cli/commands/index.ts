import type { AddCommand } from './command.ts';
import { addChat } from './chat.ts';
import { addModels } from './models.ts';
import { addServe } from './serve.ts';

/** All commands, in the order of the help. A new command needs a file and a line here. */
export const commands: readonly AddCommand[] = [addChat, addServe, addModels];
