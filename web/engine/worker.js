/** The worker's entry: the engine behind this worker's own port.  Everything it does is in service.js. */
import { serve } from './service.js';

serve(/** @type {any} */ (self));
