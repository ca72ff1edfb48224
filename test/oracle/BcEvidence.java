import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.operator.DigestCalculatorProvider;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.tsp.ers.ERSByteData;
import org.bouncycastle.tsp.ers.ERSData;
import org.bouncycastle.tsp.ers.ERSDataGroup;
import org.bouncycastle.tsp.ers.ERSEvidenceRecord;

/**
 * BouncyCastle as second judge of evidence records, beside EU DSS. Reads lines "RECORD TAB DATA TAB DATA…" (several: one group) and
 * answers each with "validatePresent TAB validate": OK, or what BouncyCastle says.
 * Run from source: java -cp '.tools/oracle/target/lib/*' test/oracle/BcEvidence.java
 */
public final class BcEvidence {
    private interface Check {
        void run() throws Exception;
    }

    public static void main(String[] arguments) throws Exception {
        DigestCalculatorProvider digests = new JcaDigestCalculatorProviderBuilder().build();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] names = line.split("\t");
            byte[] bytes = Files.readAllBytes(Path.of(names[0]));
            List<ERSData> data = new ArrayList<>();
            for (int i = 1; i < names.length; i++) data.add(new ERSByteData(Files.readAllBytes(Path.of(names[i]))));
            ERSData whole = data.size() == 1 ? data.get(0) : new ERSDataGroup(data);
            String present = say(() -> new ERSEvidenceRecord(bytes, digests).validatePresent(whole, new Date()));
            String valid = say(() -> {
                ERSEvidenceRecord record = new ERSEvidenceRecord(bytes, digests);
                record.validate(new JcaSimpleSignerInfoVerifierBuilder().build(record.getSigningCertificate()));
            });
            System.out.println(present + "\t" + valid);
        }
    }

    private static String say(Check check) {
        try {
            check.run();
            return "OK";
        } catch (Exception refusal) {
            return (refusal.getClass().getSimpleName() + ": " + refusal.getMessage()).replaceAll("\\s+", " ");
        }
    }
}
