// Validates custom resources by the library's schemas: `node custom.mjs OBJECTS.json`. It knows wrong types and what is missing.
import { readFileSync } from 'node:fs';
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1';
import { PodMonitor, PrometheusRule, ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';

const kinds = { PodMonitor, PrometheusRule, ScaledObject, ServiceMonitor };
let failed = 0;
for (const object of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  try {
    new kinds[object.kind](object).validate();
  } catch (error) {
    failed += 1;
    console.error(`${object.kind} ${object.metadata.name}: ${error.message}`);
  }
}
process.exit(failed ? 1 : 0);
