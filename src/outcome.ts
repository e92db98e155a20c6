/** How an execution ended. `interrupted`: a middleware stopped it on purpose. `cancelled`: its consumer or signal did. */
export type Outcome = 'completed' | 'interrupted' | 'cancelled' | 'failed';
